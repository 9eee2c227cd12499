"""Files of frames: HTK's parameters, Kaldi's archives and RNNLIB's NetCDF; each trait is read, or refused in one line."""

import struct
from pathlib import Path

import numpy as np
import pytest

import throughtime as tt
from command_line import run
from frame_files import ROWS, characters, htk, htk_compressed, kaldi, rnnlib


def kept(path: Path, data: bytes | str, name: str) -> Path:
    (path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return path / name


class TestHtk:
    @pytest.mark.parametrize("order", [">", "<"])
    @pytest.mark.parametrize(("kind", "tail"), [(6, b""), (0o70406 | 0o100000, b"ab"), (9 | 0o1400, b"")])
    def test_both_orders_and_every_qualifier(self, tmp_path: Path, order: str, kind: int, tail: bytes) -> None:
        read = tt.read(kept(tmp_path, htk(kind=kind, order=order, tail=tail), "a.mfc"))
        np.testing.assert_array_equal(read.matrices["a"], ROWS)
        assert read.matrices["a"].dtype == np.dtype("float32")
        assert read.period == pytest.approx(0.01)
        assert bool(read.found) == (order == "<")

    def test_compression(self, tmp_path: Path) -> None:
        numbers = np.array([[100, -200], [32767, -32768], [0, 1]], np.int16)
        scale, shift = np.array([10.0, 4.0]), np.array([5.0, -7.0])
        (read,) = tt.read(kept(tmp_path, htk_compressed(numbers, scale, shift), "a.htk")).matrices.values()
        wanted = [[(n + shift[c]) / scale[c] for c, n in enumerate(row)] for row in numbers.tolist()]
        np.testing.assert_allclose(read, wanted, rtol=1e-6)

    def test_a_waveform_is_one_column(self, tmp_path: Path) -> None:
        read = tt.read(kept(tmp_path, htk(np.array([[16384], [-32768]], np.int16), 0, 1250), "a.htk"))
        assert read.matrices["a"].tolist() == [[0.5], [-1]]
        assert read.period == pytest.approx(1 / 8000)

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (htk() + b"x", "says 5 frames of 12 bytes, has 73 bytes"),
            (htk(kind=10), "discrete symbols"),
            (htk(period=0), "a period of 0"),
            (b"short", "less than HTK's header"),
            (htk_compressed(np.zeros((1, 2)), np.zeros(2), np.zeros(2)), "a scale of 0 in column 0"),
        ],
    )
    def test_what_does_not_come_out(self, tmp_path: Path, data: bytes, said: str) -> None:
        with pytest.raises(ValueError, match=rf"a\.htk.*{said}"):
            tt.read(kept(tmp_path, data, "a.htk"))


def packed(token: str, codes: np.ndarray, low: float, reach: float, corners: np.ndarray | None = None) -> bytes:
    head = b"\0B" + token.ljust(3).encode() + (b"" if token == "CM" else b" ")
    head += struct.pack("<ffii", low, reach, *codes.shape)
    if corners is None:
        return head + codes.tobytes()
    return head + corners.astype("<u2").tobytes() + codes.T.tobytes()


class TestKaldi:
    def test_several_kinds_in_one_archive(self, tmp_path: Path) -> None:
        whole = b"\0B\x04" + struct.pack("<i", 3) + struct.pack("<3i", 1, -2, 3)
        empty = b"\0B" + b"FM " + b"\x04\0\0\0\0" * 2
        things = {
            "f": kaldi("FM", ROWS),
            "d": kaldi("DM", ROWS / 3),
            "v": kaldi("FV", ROWS[:, 0]),
            "i": whole,
            "o": empty,
        }
        text = "t  [\r\n  1 nan\r\n  -inf 4e2 ]\r\nw  [ 1 2 ]\nn 1 2 3\nz  [ ]\n"
        data = b"".join(f"{name} ".encode() + thing for name, thing in things.items()) + text.encode()
        read = tt.read(kept(tmp_path, data, "a.ark")).matrices
        assert list(read) == ["f", "d", "v", "i", "o", "t", "w", "n", "z"]
        np.testing.assert_array_equal(read["f"], ROWS)
        np.testing.assert_array_equal(read["d"], (ROWS / 3).astype(float))
        np.testing.assert_array_equal(read["v"], ROWS[:, :1])
        np.testing.assert_array_equal(read["t"], [[1, np.nan], [-np.inf, 400]])
        assert [read[name].tolist() for name in "iwn"] == [[[1], [-2], [3]], [[1], [2]], [[1], [2], [3]]]
        assert [read[name].shape for name in "oz"] == [(0, 0), (0, 0)]
        assert read["f"].dtype == read["t"].dtype == np.float32

    def test_compressed_ones(self, tmp_path: Path) -> None:
        codes = np.array([[0, 64], [10, 200], [192, 255], [130, 65]], np.uint8)
        corners = np.array([[0, 1000, 40000, 65535], [5, 6, 7, 60000]])
        wide = (codes.astype("<u2") * 257) ^ 3
        things = packed("CM", codes, -1, 4, corners), packed("CM2", wide, -1, 4), packed("CM3", codes, -1, 4)
        data = b"".join(f"{name} ".encode() + thing for name, thing in zip("abc", things, strict=True))
        read = tt.read(kept(tmp_path, data, "a.ark")).matrices

        def plain(code: int, points: list[float]) -> float:
            a, b, c, d = (-1 + 4 * point / 65535 for point in points)
            if code <= 64:
                return a + (b - a) * code / 64
            return b + (c - b) * (code - 64) / 128 if code <= 192 else c + (d - c) * (code - 192) / 63

        wanted = [[plain(code, corners[k].tolist()) for k, code in enumerate(row)] for row in codes.tolist()]
        np.testing.assert_allclose(read["a"], wanted, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(read["b"], -1 + 4.0 * wide / 65535, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(read["c"], -1 + 4.0 * codes / 255, rtol=1e-6, atol=1e-7)

    def test_a_table_points_into_archives(self, tmp_path: Path) -> None:
        kept(tmp_path, b"a " + kaldi("FM", ROWS), "x.ark")
        text = "a x.ark:2\nb x.ark:2[1:3]\nc x.ark:2[3:6,0:1]\nd x.ark:2[:,1:1]\n"
        read = tt.read(kept(tmp_path, text, "a.scp")).matrices
        wanted = {"a": ROWS, "b": ROWS[1:4], "c": ROWS[3:, :2], "d": ROWS[:, 1:2]}
        assert list(read) == list(wanted)
        for name, rows in wanted.items():
            np.testing.assert_array_equal(read[name], rows)

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("a touch x |", "line 1.* runs a program; run it and give its output"),
            ("a x.ark:2[1:8]", "wants 1 to 8 of 5 rows"),
            ("a x.ark:2[-1:2]", "wants -1 to 2"),
            ("a x.ark:2[0:1,0:3]", "of 3 columns"),
            ("a no.ark:2", "is no file"),
            ("a x.ark:2\na x.ark:2", "line 2.*there twice"),
            ("a", "no file"),
        ],
    )
    def test_tables_that_are_refused(self, tmp_path: Path, line: str, said: str) -> None:
        kept(tmp_path, b"a " + kaldi("FM", ROWS), "x.ark")
        with pytest.raises(ValueError, match=rf"a\.scp.*{said}"):
            tt.read(kept(tmp_path, line, "a.scp"))

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b"a " + kaldi("FM", ROWS)[:-1], "cut short: it needs 1 bytes more"),
            (2 * (b"a " + kaldi("FM", ROWS)), "there twice"),
            (b"a \0B<Nnet> ", "wanted matrices"),
            (b"a RIFF....WAVE", "holds sound"),
            (b"a [ [ 1 0.5 ] ]\n", "wanted matrices"),
            (b"a [\n1 2\n3 ]\n", "row 2 has 1 numbers, the first 2"),
        ],
    )
    def test_archives_that_are_refused(self, tmp_path: Path, data: bytes, said: str) -> None:
        with pytest.raises(ValueError, match=rf"a\.ark, recording 'a'.*{said}"):
            tt.read(kept(tmp_path, data, "a.ark"))


class TestRnnlib:
    @pytest.mark.parametrize("version", [1, 2])
    def test_strings_of_labels(self, tmp_path: Path, version: int) -> None:
        tags = ("c", ("numSeqs", "width"), characters("one", "two"))
        read = tt.read(kept(tmp_path, rnnlib(version, seqTags=tags), "a.nc"))
        assert [matrix.shape for matrix in read.matrices.values()] == [(3, 3), (2, 3)]
        np.testing.assert_array_equal(np.concatenate([*read.matrices.values()]), ROWS)
        assert all(matrix.dtype.isnative for matrix in read.matrices.values())
        assert read.labels == {"one": ["a", "bb", "a"], "two": ["bb"]}

    def test_classes_of_frames_and_lengths(self, tmp_path: Path) -> None:
        classes = ("i", ("numTimesteps",), [0, 1, -1, 1, 0])
        lengths = ("i", ("numSeqs",), [3, 2])
        data = rnnlib(targetStrings=None, targetClasses=classes, seqDims=None, seqLengths=lengths)
        assert tt.read(kept(tmp_path, data, "a.nc")).labels == {"1": ["a", "bb", ""], "2": ["bb", "a"]}
        assert not tt.read(kept(tmp_path, rnnlib(targetStrings=None), "a.nc")).labels

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (rnnlib(seqDims=("i", ("numSeqs", "numDims"), [[3], [3]])), "come to 6 steps, its inputs to 5"),
            (rnnlib(targetStrings=("c", ("numSeqs", "width"), characters("a x", "a"))), "'x' in sequence 1 is none"),
            (rnnlib(inputs=None), "lacks inputs"),
            (b"\x89HDF\r\n", "NetCDF-4"),
            (b"text", "no NetCDF"),
            (rnnlib()[:100], "damaged|lacks"),
        ],
    )
    def test_what_does_not_come_out(self, tmp_path: Path, data: bytes, said: str) -> None:
        with pytest.raises(ValueError, match=rf"a\.nc.*{said}"):
            tt.read(kept(tmp_path, data, "a.nc"))


def test_frames_are_looked_at_and_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kept(tmp_path, htk(), "a.mfc")
    assert "'a' 5 x 3" in run("look", "a.mfc").stdout
    run("convert", "a.mfc", "a.csv")
    np.testing.assert_allclose(tt.read("a.csv").numbers(["0", "1", "2"]), ROWS)
