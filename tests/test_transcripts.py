"""Transcripts of recordings, in each way in which corpora write them."""

import os
from pathlib import Path

import pytest

import throughtime as tt
from throughtime import datasets


def said(path: Path) -> dict[str, list[str]]:
    return {name: [mark.label for mark in marks] for name, marks in tt.read_transcripts(path).tiers.items()}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.transcription", "<s> ONE TWO </s> (an1-fash-b)\n<s> GO </s> (an2-fash-b)\n"),
        ("a.trn", "ONE  TWO (an1-fash-b)\r\nGO (an2-fash-b)\r\n"),
        ("text", "an1-fash-b ONE TWO\nan2-fash-b\tGO\n\n"),
        ("txt.done.data", '( an1-fash-b "ONE TWO" )\n( an2-fash-b "GO" )\n'),
        ("a.csv", "id,speaker,text\nan1-fash-b,x,ONE TWO\nan2-fash-b,y,GO\n"),
        ("a.tsv", "path\tsentence\nan1-fash-b\tONE TWO\nan2-fash-b\tGO\n"),
        ("b.csv", "an1-fash-b;ONE TWO\nan2-fash-b;GO\n"),
    ],
)
def test_every_way_says_the_same(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(text.encode())
    assert said(tmp_path / name) == {"an1-fash-b": ["ONE", "TWO"], "an2-fash-b": ["GO"]}


def test_words_in_brackets_and_silence_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a (laughs) yes\nb\n")
    assert said(tmp_path / "text") == {"a": ["(laughs)", "yes"], "b": []}


@pytest.mark.parametrize(
    ("text", "told"),
    [("a one\na two\n", "line 2 has 'a' a second time"), ("\n", "no recording"), ("a \0 one\n", "is no text")],
)
def test_what_does_not_come_out(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "text").write_text(text)
    with pytest.raises(ValueError, match=told):
        tt.read_transcripts(tmp_path / "text")
    (tmp_path / "a.csv").write_text("u,v,w\n1,2,3\n")
    with pytest.raises(ValueError, match="needs a column of names"):
        tt.read_transcripts(tmp_path / "a.csv")


@pytest.mark.data
@pytest.mark.skipif(datasets.VARIABLE not in os.environ, reason="THROUGHTIME_DATA is not set")
def test_an4_in_its_own_form_is_what_the_data_set_has(tmp_path: Path) -> None:
    arrays = datasets.load_dataset("an4")
    ids, texts = arrays["test_id"].tolist(), arrays["test_text"].tolist()
    lines = [f"<s> {text} </s> ({name})\n" for name, text in zip(ids, texts, strict=True)]
    (tmp_path / "an4_test.transcription").write_text("".join(lines))
    assert said(tmp_path / "an4_test.transcription") == {n: t.split() for n, t in zip(ids, texts, strict=True)}
