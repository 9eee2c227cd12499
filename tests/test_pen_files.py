"""Files of handwriting: UNIPEN and InkML; each trait of real files is read, or refused in one line."""

import os
from pathlib import Path

import numpy as np
import pytest

import throughtime as tt
from command_line import run
from throughtime import datasets
from throughtime.datasets import pens
from throughtime.io import inkml, unipen

HEAD = ".VERSION 1.0 of the pen\n.COMMENT any text\nof many lines 1 2\n.COORD X Y T\n"


def page(path: Path, text: str, name: str = "a.dat") -> Path:
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_text(text)
    return path / name


class TestUnipen:
    def test_only_blocks_with_points_are_numbered_over_included_files(self, tmp_path: Path) -> None:
        page(
            tmp_path,
            f"{HEAD}.PEN_UP\n.PEN_DOWN\n\t1 2 0 \n3 4 9\n.PEN_UP\n5 5 0\n.DT 30\n.PEN_DOWN\n+7 -8 0\n",
            "include/p/x.dat",
        )
        text = '.HIERARCHY WORD CHARACTER\n.SEGMENT WORD 0-2 OK "ab"\n.SEGMENT CHARACTER 0 ? "a"\n.SEGMENT CHARACTER 2 BAD "b"\n'
        file = page(tmp_path, f".INCLUDE p/x.dat\n{text}.SEGMENT CHARACTER\n", "data/1a/p/a.dat")
        read = unipen.read(file)
        assert list(read.labels) == ["a", "b"]
        assert [one.points.tolist() for one in read.drawings] == [[[1, 2, 0], [3, 4, 1]], [[7, -8, 1]]]
        whole = unipen.read(file, level="word", up=False)
        assert list(whole.labels) == ["ab"]
        assert whole.drawings[0].points.tolist() == [[1, -2, 0], [3, -4, 1], [7, 8, 1]]
        assert list(unipen.read(file, without=["bad"]).labels) == ["a"]
        assert any("smallest" in said for said in read.found)
        assert any("upwards" in said for said in read.found)

    @pytest.mark.parametrize(
        ("ranges", "wanted"),
        [
            ("0", [[0, 1, 2]]),
            ("0-2", [[0, 1, 2], [3, 4]]),
            ("0:1-2:0", [[1, 2], [3]]),
            ("0-2:0", [[0, 1, 2], [3]]),
            ("0:2-2", [[2], [3, 4]]),
            ("0:0-0:0,0:2-0:2", [[0], [2]]),
            ("0, 2:1-2:1", [[0, 1, 2], [4]]),
        ],
    )
    def test_every_way_to_name_a_part(self, tmp_path: Path, ranges: str, wanted: list[list[int]]) -> None:
        pen = ".PEN_DOWN\n0 0\n1 0\n2 0\n.PEN_UP\n9 9\n.PEN_DOWN\n3 0\n4 0\n"
        file = page(tmp_path, rf'.COORD X Y{os.linesep}{pen}.SEGMENT DIGIT {ranges} GOOD "\"\@" by hand' + "\n")
        (drawing,), (label,) = unipen.read(file).drawings, unipen.read(file).labels
        strokes = np.split(drawing.points[:, 0], np.flatnonzero(drawing.points[:, 2])[:-1] + 1)
        assert [stroke.tolist() for stroke in strokes] == wanted
        assert label == '"@'

    def test_a_page_without_segments_coordinates_or_its_includes(self, tmp_path: Path) -> None:
        read = unipen.read(page(tmp_path, ".INCLUDE gone/x.dat\n.PEN_DOWN\n0 0\n.PEN_DOWN\n1 1\n"))
        assert read.drawings[0].points[:, 2].tolist() == [1, 1]
        assert list(read.labels) == [None]
        assert [said for said in read.found if "COORD" in said or "gone" in said] == read.found[:2]
        late = unipen.read(page(tmp_path, ".PEN_DOWN\n7 1 2\n.COORD T Y X\n"))
        assert late.drawings[0].points.tolist() == [[2, 1, 1]]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (".COORD X Y\n.PEN_DOWN\n1\n", "line 3 of .* has 1 of 2 numbers"),
            ('.COORD X Y\n.PEN_DOWN\n1 1\n.SEGMENT C 1 OK "a"\n', "line 4 of .* names component 1; the last .* is 0"),
            ('.COORD X Y\n.PEN_DOWN\n1 1\n.SEGMENT C 1-0 OK "a"\n', "back"),
            (".INCLUDE ../a.dat\n", "outside its root"),
            (".INCLUDE a.dat\n", "circle"),
            (".PEN_DOWN\none two\n", "line 2 of .* holds no point"),
            (".PEN_DOWN\n1 nan\n", "no screen"),
            (".COORD P T\n.PEN_DOWN\n1 1\n", "not X and Y"),
            (".PEN_UP\n1 1\n", "pen is down"),
        ],
    )
    def test_what_does_not_come_out_is_told_with_its_line(self, tmp_path: Path, text: str, said: str) -> None:
        with pytest.raises(ValueError, match=rf"^\S+a\.dat.*{said}") as error:
            unipen.read(page(tmp_path, text))
        assert "\n" not in str(error.value)

    def test_a_level_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="no segments of level WORD; it has DIGIT"):
            unipen.read(page(tmp_path, '.PEN_DOWN\n1 1\n.SEGMENT DIGIT 0 OK "1"\n'), level="WORD")

    @pytest.mark.data
    @pytest.mark.skipif(datasets.VARIABLE not in os.environ, reason="THROUGHTIME_DATA is not set")
    def test_digits_of_a_writer_are_what_the_data_set_has(self, tmp_path: Path) -> None:
        corpus = pens.unipen("digits")
        own = np.flatnonzero(corpus.who == corpus.who[0])[:40]
        lines, count = [".COORD X Y"], 0
        for number in own:
            x, begun = corpus.xs[number], count
            for stroke in np.split(x[:, :2], np.flatnonzero(x[:, 2])[:-1] + 1):
                lines += [".PEN_DOWN", *(f"{a:.0f} {b:.0f}" for a, b in stroke), ".PEN_UP"]
                count += 1
            lines.append(f'.SEGMENT DIGIT {begun}-{count - 1} OK "{corpus.names[corpus.targets[number]]}"')
        read = unipen.read(page(tmp_path, "\n".join(lines)))
        assert list(read.labels) == [corpus.names[corpus.targets[number]] for number in own]
        for number, drawing in zip(own, read.drawings, strict=True):
            np.testing.assert_array_equal(drawing.points, corpus.xs[number])


def ink(path: Path, inside: str, head: str = '<ink xmlns="http://www.w3.org/2003/InkML">') -> Path:
    return page(path, f"{head}{inside}</ink>", "a.inkml")


def channels(*names: str) -> str:
    return f"<traceFormat>{''.join(f'<channel name={name!r}/>' for name in names)}</traceFormat>"


class TestInkml:
    def test_differences_and_prefixes_stick_to_their_channels(self, tmp_path: Path) -> None:
        trace = "1125 18432,'23'43,\"7\"-8,3-5,7\n-3,\t6 2,!5 *,.5\"0,, '-1'+1"
        (drawing,) = inkml.read(ink(tmp_path, f"<trace>{trace}</trace>")).drawings
        x = np.cumsum([1125, 23, 30, 33, 40, 46]).tolist()
        y = np.cumsum([18432, 43, 35, 30, 27, 29]).tolist()
        wanted = np.array([*zip(x, y, strict=True), (5, y[-1] + 29), (0.5, y[-1] + 58), (-0.5, y[-1] + 59)])
        np.testing.assert_array_equal(drawing.points[:, :2], wanted * (1, -1))

    def test_contexts_of_several_channels_in_any_order(self, tmp_path: Path) -> None:
        source = f"<inkSource xml:id='s'>{channels('T', 'Y', 'X', 'B')}</inkSource>"
        more = "<traceFormat id='f'><channel name='X'/><channel name='Y'/>"
        more += "<intermittentChannels><channel name='F'/></intermittentChannels></traceFormat>"
        refers = "<context id='a' inkSourceRef='#s'/><context xml:id='b' traceFormatRef='#f'/>"
        traces = "<trace contextRef='#a'>9 2 1 T,#A -2-1F</trace>"
        traces += "<traceGroup contextRef='#b'><trace>1 2 3, ? 3, 5 6</trace></traceGroup>"
        read = inkml.read(ink(tmp_path, f"<definitions>{source}{more}{refers}</definitions>{traces}"))
        assert read.drawings[0].points.tolist() == [[1, -2, 0], [-1, 2, 1], [1, -2, 0], [5, -6, 1]]
        assert "y goes down in InkML and was turned" in read.found
        assert any("not known" in said for said in read.found)

    @pytest.mark.parametrize("head", ["<ink>", "<i:ink xmlns:i='http://x'>"])
    def test_labels_of_groups_and_of_the_whole(self, tmp_path: Path, head: str) -> None:
        tag = "i:" if ":" in head else ""
        truth = '<annotation type="truth">{}</annotation>'
        inside = (
            truth.format("ab")
            + "<trace id='1'>1 1</trace><trace id='2'>2 2,3 3</trace><trace id='3' type='penUp'>9 9</trace>"
        )
        inside += "<trace id='4' continuation='end' priorRef='#2'>4 4</trace>"
        whole = inside.replace("<", f"<{tag}").replace(f"<{tag}/", f"</{tag}")
        close = f"</{tag}ink>"
        read = inkml.read(page(tmp_path, f"{head}{whole}{close}", "a.inkml"))
        assert list(read.labels) == ["ab"]
        assert read.drawings[0].points.tolist() == [[1, -1, 1], [2, -2, 0], [3, -3, 0], [4, -4, 1]]
        views = [
            f"<traceGroup>{truth.format(label)}<traceView traceDataRef='{k}'/></traceGroup>"
            for label, k in (("b", "2"), ("a", "1"))
        ]
        group = f"<traceGroup>{truth.format('Segmentation')}{''.join(views)}</traceGroup>"
        both = (inside + group).replace("<", f"<{tag}").replace(f"<{tag}/", f"</{tag}")
        read = inkml.read(page(tmp_path, f"{head}{both}{close}", "a.inkml"))
        assert list(zip(read.labels, [len(one.points) for one in read.drawings], strict=True)) == [("b", 3), ("a", 1)]

    @pytest.mark.parametrize(
        ("inside", "said"),
        [
            (f"{channels('X', 'F')}<trace>1 2</trace>", "the channels are X, F; a drawing needs X and Y"),
            (
                f"{channels('X', 'Y', 'T')}<trace>1 2 3</trace><trace>1 2 3,4 5</trace>",
                "trace 2, point 2 has 2 of 3 values",
            ),
            ("<trace contextRef='#no'>1 2</trace>", "refers to 'no', which is not there"),
            ("<trace>1 two</trace>", "point 1 holds 'two'"),
            ("<trace>1 1e99</trace>", "no screen"),
            ("<trace/>", "no point"),
            ("<trace>", "no whole XML"),
            ("<context id='a' contextRef='#a'/><trace contextRef='#a'>1 2</trace>", "circle"),
            ("<trace id='a'>1 2</trace><traceGroup label='x'><traceView traceDataRef='#b'/></traceGroup>", "trace 'b'"),
        ],
    )
    def test_what_does_not_come_out_is_told_with_its_place(self, tmp_path: Path, inside: str, said: str) -> None:
        with pytest.raises(ValueError, match=rf"^\S+a\.inkml.*{said}") as error:
            inkml.read(ink(tmp_path, inside))
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("doctype", ['<!DOCTYPE ink [<!ENTITY a "b">]>', '<!DOCTYPE ink SYSTEM "ink.dtd">'])
    def test_entities_and_parts_outside_are_refused(self, tmp_path: Path, doctype: str) -> None:
        with pytest.raises(ValueError, match="declares entities"):
            inkml.read(ink(tmp_path, "<trace>1 2</trace>", f"{doctype}<ink>"))
        with pytest.raises(ValueError, match="XML of another kind"):
            inkml.read(page(tmp_path, "<svg/>", "a.inkml"))


def test_strokes_of_any_file_and_what_look_and_convert_make_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = page(tmp_path, '.COORD X Y\n.PEN_DOWN\n1 1\n.PEN_DOWN\n2 2\n.SEGMENT D 0 OK "1"\n.SEGMENT D 1 OK "7"\n')
    assert list(tt.read_strokes(file).labels) == list(tt.read(file).labels) == ["1", "7"]
    table = page(tmp_path, "x y end-of-stroke\n1 2 0\n3 4 1\n", "b.dat")
    assert tt.read_strokes(table).drawings[0].points.tolist() == [[1, 2, 0], [3, 4, 1]]
    assert tt.read(table).columns == ["x", "y", "end-of-stroke"]
    assert "drawings: 2" in run("look", "a.dat").stdout
    run("convert", "a.dat", "a.csv")
    assert [*tt.read("a.csv").frame["label"]] == ["1", "7"]
