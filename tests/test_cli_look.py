"""`throughtime look` and `convert`: what a file holds is told, and written in another format."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import throughtime as tt
from command_line import refused, run

TEXT = "when,u,y,site,still\n2026-01-01,1,2,a,7\n2026-01-02,2,,b,7\n2026-01-03,4,8,,7\n2026-01-05,5,9,a,7\n2026-01-06,6,9,a,7\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_table_is_told_column_by_column() -> None:
    Path("t.csv").write_text(TEXT)
    said = run("look", "t.csv").stdout
    assert "rows: 5\n" in said
    assert "times: 2026-01-01 00:00:00 to 2026-01-06 00:00:00, every 1 d " in said
    assert "gaps: 2026-01-05 00:00:00 follows 2026-01-03 00:00:00" in said
    found = json.loads(run("look", "t.csv", "--json").stdout)
    assert [one["holds"] for one in found["columns"]] == ["times", "numbers", "numbers", "text", "one number"]
    assert [one["empty"] for one in found["columns"]] == [0, 0, 1, 1, 0]
    assert found["columns"][2] == {"column": "y", "holds": "numbers", "empty": 1, "least": 2, "mean": 7, "largest": 9}


def test_sound_marks_and_drawings() -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write("a.wav", np.sin(np.arange(4000) / 9) / 2, 8000)
    found = json.loads(run("look", "a.wav", "--json").stdout)
    assert (found["seconds"], found["samples per second"]) == (0.5, 8000)
    Path("a.phn").write_text("0 1600 h#\n1600 3200 q\n")
    assert "tiers: 'a' with 2 marks" in run("look", "a.phn").stdout
    Path("a.json").write_text("[[[0, 0], [1, 5]], [[0, 2]]]")
    assert "strokes: 2\npoints: 3" in run("look", "a.json").stdout


def test_what_is_read_is_written_in_another_format() -> None:
    savemat = pytest.importorskip("scipy.io").savemat
    savemat("a.mat", {"u": np.arange(4.0), "y": np.arange(8.0).reshape(4, 2), "v": np.arange(9.0), "fs": 10.0})
    result = run("convert", "a.mat", "a.csv")
    assert "left out, of other lengths: v; no column: fs = 10" in result.stderr
    pd.testing.assert_frame_equal(pd.read_csv("a.csv"), tt.read("a.mat").frame, check_dtype=False)
    refused(run("convert", "a.mat", "a.csv"), "a.csv exists")
    Path("a.phn").write_text("0 1600 h#\n")
    assert run("convert", "a.phn", "marks.csv").exit_code == 0
    assert Path("marks.csv").read_text() == "tier,start,end,label\na,0.0,0.1,h#\n"
    refused(run("convert", "a.mat", "a.doc"), "a.doc must end in .csv")


def test_sound_is_written_as_sound() -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write("a.wav", np.arange(-50, 50) / 64, 8000)
    assert run("convert", "a.wav", "b.flac").exit_code == 0
    np.testing.assert_array_equal(tt.read_audio("b.flac").samples, tt.read_audio("a.wav").samples)
    refused(run("convert", "a.wav", "b.csv"), "b.csv must end in .wav or .flac: a sound is written as such")
    assert not Path("b.csv").exists()


def test_labelled_series() -> None:
    Path("a.ts").write_text("@classLabel true a b\n@data\n1,2:3,4:a\n5,6,7:8,9,?:b\n1:2:a\n")
    said = run("look", "a.ts").stdout
    assert "cases: 3\nchannels: 2\nsteps: 1 to 3\nmissing: 1\nlabels: 'a' 2 times; 'b' 1 times" in said
    run("convert", "a.ts", "a.csv")
    made = pd.read_csv("a.csv")
    assert made.columns.to_list() == ["record", "c1", "c2", "label"]
    assert made["record"].to_list() == [1, 1, 2, 2, 2, 3]
    assert made["label"].to_list() == ["a", "a", "b", "b", "b", "a"]
