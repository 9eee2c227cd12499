"""Files of speech corpora: sound as NIST keeps it, and marks; each trait of real files is read, or refused in one line."""

from pathlib import Path

import numpy as np
import pytest

import throughtime as tt
from throughtime.io.marks import Marks

soundfile = pytest.importorskip("soundfile")

SAMPLES = np.array([0, 1, -1, 1000, -1000, 32767, -32768], np.int16)


def sphere(path: Path, data: bytes, *lines: str, size: int = 1024, end: str = "end_head\n") -> Path:
    head = f"NIST_1A\n{size:7d}\n" + "".join(line + "\n" for line in lines) + end
    (path / "a.sph").write_bytes(head.encode("latin-1").ljust(size, b"\n") + data)
    return path / "a.sph"


RATE = "sample_rate -i 8000"


class TestSphere:
    @pytest.mark.parametrize(
        ("data", "lines", "size"),
        [
            (SAMPLES.astype("<i2"), ["sample_byte_format -s2 01", "sample_n_bytes -i 2", "channel_count -i 1"], 1024),
            (SAMPLES.astype(">i2"), ["sample_byte_format -s2 10", "sample_coding -s3 PCM"], 1024),
            (SAMPLES.astype("<i2"), ["speaker_sample_byte_format -s2 10", "said -s24 sample_byte_format -s2 10"], 1024),
            (SAMPLES.astype("<i2"), [f"note{k} -s20 {'text' * 5}" for k in range(60)], 3072),
            (SAMPLES.astype("<i4") << 16, ["sample_byte_format -s4 0123"], 1024),
            ((SAMPLES.astype("<i4") << 16).astype(">i4"), ["sample_byte_format -s4 3210", "sample_n_bytes -i 4"], 1024),
            (SAMPLES.astype("<i2"), ["sample_rate  -r  8000.0", "sample_count -i 7"], 1024),
        ],
    )
    def test_pcm_in_both_orders_under_long_headers(
        self, tmp_path: Path, data: np.ndarray, lines: list[str], size: int
    ) -> None:
        samples, rate = tt.read_audio(sphere(tmp_path, data.tobytes(), RATE, *lines, size=size))
        assert rate == 8000
        np.testing.assert_array_equal(samples, SAMPLES / 32768)

    def test_three_bytes_and_one(self, tmp_path: Path) -> None:
        three = np.stack([np.zeros(7, np.uint8), *SAMPLES.astype("<i2").view(np.uint8).reshape(7, 2).T], axis=1)
        found = tt.read_audio(sphere(tmp_path, three.tobytes(), RATE, "sample_byte_format -s3 012")).samples
        np.testing.assert_array_equal(found, SAMPLES / 32768)
        one = np.array([0, 127, -128], np.int8)
        lines = "sample_byte_format -s1 1", "sample_n_bytes -s1 1"
        found = tt.read_audio(sphere(tmp_path, one.tobytes(), RATE, *lines)).samples
        np.testing.assert_array_equal(found, one / 128)

    @pytest.mark.parametrize(("said", "subtype"), [("ulaw", "ULAW"), ("mu-law", "ULAW"), ("alaw", "ALAW")])
    def test_the_two_laws_are_those_of_another_library(self, tmp_path: Path, said: str, subtype: str) -> None:
        codes = np.arange(256, dtype=np.uint8).tobytes()
        known = {"samplerate": 8000, "channels": 1, "subtype": subtype, "format": "RAW"}
        (tmp_path / "a.raw").write_bytes(codes)
        wanted, _ = soundfile.read(tmp_path / "a.raw", **known)
        path = sphere(tmp_path, codes, RATE, f"sample_coding -s{len(said)} {said}", "sample_n_bytes -i 1")
        np.testing.assert_allclose(tt.read_audio(path).samples, wanted, atol=1e-12)

    def test_of_two_speakers_one_is_chosen(self, tmp_path: Path) -> None:
        both = np.stack([SAMPLES, SAMPLES[::-1]], axis=1).astype("<i2").tobytes()
        path = sphere(tmp_path, both, RATE, "channel_count -i 2")
        with pytest.raises(
            ValueError, match=r"a.sph has 2 channels, which are so many speakers .* channel=0 in Python"
        ):
            tt.read_audio(path)
        np.testing.assert_array_equal(tt.read_audio(path, channel=1).samples, SAMPLES[::-1] / 32768)
        with pytest.raises(ValueError, match=r"has no channel 2; its channels are 0 to 1"):
            tt.read_audio(path, channel=2)
        wav = tmp_path / "a.wav"
        soundfile.write(wav, np.stack([SAMPLES, SAMPLES[::-1]], axis=1), 8000)
        np.testing.assert_array_equal(tt.read_audio(wav, channel=1).samples, SAMPLES[::-1] / 32768)

    def test_what_follows_the_samples_that_are_told_is_no_sound(self, tmp_path: Path) -> None:
        path = sphere(tmp_path, SAMPLES.tobytes() + b"trailer", RATE, "sample_count -i 7")
        assert len(tt.read_audio(path).samples) == 7

    @pytest.mark.parametrize(
        ("lines", "end", "said"),
        [
            (
                [RATE, "sample_coding -s26 pcm,embedded-shorten-v2.00"],
                "end_head\n",
                "is compressed with shorten; decompress",
            ),
            ([RATE, "sample_coding -s11 pcm,wavpack"], "end_head\n", "is compressed with wavpack"),
            (
                [RATE, "channel_count -i 2", "channels_interleaved -s5 FALSE"],
                "end_head\n",
                "has its channels one behind",
            ),
            (["sample_rate -i 0"], "end_head\n", "tells no sample_rate or no channels"),
            ([RATE], "", "its header of 1024 bytes does not end"),
            ([RATE, "sample_n_bytes -i 9"], "end_head\n", "has samples of 9 bytes"),
        ],
    )
    def test_what_is_refused(self, tmp_path: Path, lines: list[str], end: str, said: str) -> None:
        with pytest.raises(ValueError, match=rf"a\.sph.* {said}"):
            tt.read_audio(sphere(tmp_path, SAMPLES.tobytes(), *lines, end=end))

    def test_a_copy_in_text_mode(self, tmp_path: Path) -> None:
        path = sphere(tmp_path, SAMPLES.tobytes(), RATE)
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        with pytest.raises(ValueError, match=r"was damaged by a copy in text mode"):
            tt.read_audio(path)


LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = -0.75
xmax = 2e0 ! a comment with "quotes" and 5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = -0.75
        xmax = 2
        intervals: size = 2
        intervals [1]:
            xmin = -0.75
            xmax = 2e-05
            text = "say ""a"" = 3
 xmin"
        intervals [2]:
            xmin = 2e-05
            xmax = 2
            text = ""
    item [2]:
        class = "TextTier"
        name = "words"
        xmin = -0.75
        xmax = 2
        points: size = 1
        points [1]:
            time = 1.5
            mark = "ö"
"""
SHORT = """File type = "ooTextFile"
"TextGrid"
-0.75 2 <exists> 2 "IntervalTier" "words" -0.75 2 2
-0.75 2e-05 "say ""a"" = 3
 xmin" 2e-05 2 ""
"TextTier" "words" -0.75 2 1 1.5 "ö"
"""


class TestTextGrid:
    def made(self, path: Path, data: bytes) -> Marks:
        (path / "a.TextGrid").write_bytes(data)
        found: Marks = tt.read(path / "a.TextGrid")
        return found

    @pytest.mark.parametrize("text", [LONG, SHORT, LONG.replace("\n            ", " ")], ids=["long", "short", "lines"])
    @pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1"])
    def test_long_and_short_in_every_code(self, tmp_path: Path, text: str, code: str) -> None:
        begin = b"\xfe\xff" if code == "utf-16-be" else b""
        marks = self.made(tmp_path, begin + text.encode(code))
        assert dict(marks.tiers) == {
            "words": [(-0.75, 2e-05, 'say "a" = 3\n xmin'), (2e-05, 2.0, "")],
            "words 2": [(1.5, 1.5, "ö")],
        }
        assert marks.found == []

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (SHORT.replace('"TextGrid"', '"Pitch 1"'), "is 'Pitch 1', not a TextGrid"),
            (SHORT.replace("<exists> 2", "<exists> 3"), "a text in quotes is missing before its end"),
            (SHORT.replace("2e-05 2 ", "2e-05 -2 "), "'' ends at -2, before it begins at 2e-05"),
            ("ooBinaryFile", "is a binary TextGrid; save it as text"),
        ],
    )
    def test_what_is_refused(self, tmp_path: Path, text: str, said: str) -> None:
        with pytest.raises(ValueError, match=rf"a\.TextGrid.* {said}"):
            self.made(tmp_path, text.encode())

    def test_gaps_are_told(self, tmp_path: Path) -> None:
        marks = self.made(tmp_path, SHORT.replace("2e-05 2 ", "0.5 2 ").encode())
        assert marks.found == ["the intervals of tier 'words' leave gaps or overlap"]


class TestMarks:
    def made(self, path: Path, name: str, text: str) -> Marks:
        (path / name).write_text(text)
        found: Marks = tt.read(path / name)
        return found

    def test_timit_counts_samples(self, tmp_path: Path) -> None:
        marks = self.made(tmp_path, "a.PHN", "0 1600 h#\n1600 3200 q (late)\n")
        assert dict(marks.tiers) == {"a": [(0.0, 0.1, "h#"), (0.1, 0.2, "q")]}
        with pytest.raises(ValueError, match=r"a\.wrd: line 1 has 0\.35; TIMIT's marks are numbers of samples"):
            self.made(tmp_path, "a.wrd", "0 0.35 she\n")
        with pytest.raises(ValueError, match=r"a\.wrd: line 2 ends at 5, not after its start at 9"):
            self.made(tmp_path, "a.wrd", "0 9 a\n9 5 b\n")
        assert self.made(tmp_path, "a.wrd", "she had\n").tiers["a"] == [(None, None, "she had")]

    def test_labels_of_htk(self, tmp_path: Path) -> None:
        text = '0 2500000 sil\n2500000 5000000.5 ah -3.5 word\n5000000 "b\\303\\266"\nfree\n///\n0 1 other\n'
        marks = self.made(tmp_path, "a.lab", text)
        wanted = [(0.0, 0.25, "sil"), (0.25, 0.50000005, "ah"), (0.5, None, "bö"), (None, None, "free")]
        for found, mark in zip(marks.tiers["a"], wanted, strict=True):
            assert found.label == mark[2]
            assert found[:2] == pytest.approx(mark[:2])
        with pytest.raises(ValueError, match=r"a\.lab: line 2 ends before it begins"):
            self.made(tmp_path, "a.lab", "0 10 a\n20 10 b\n")

    def test_master_labels(self, tmp_path: Path) -> None:
        text = '#!MLF!#\n"*/one.lab"\n0 10000000 a\n.\n#!MLF!#\n"C:\\\\x\\\\two.rec"\nb\n3\n'
        assert dict(self.made(tmp_path, "all.mlf", text).tiers) == {
            "one": [(0.0, pytest.approx(1.0), "a")],
            "two": [(None, None, "b"), (None, None, "3")],
        }

    def test_ctm(self, tmp_path: Path) -> None:
        marks = self.made(tmp_path, "a.ctm", ";; made by hand\nr1 A 0.5 0.25 yes 0.9\nr1 B 1 1 no\n")
        assert dict(marks.tiers) == {"r1 A": [(0.5, 0.75, "yes")], "r1 B": [(1.0, 2.0, "no")]}
        with pytest.raises(ValueError, match=r"a\.ctm: line 1 is none of: recording channel start duration word"):
            self.made(tmp_path, "a.ctm", "r1 0.5 0.25 yes\n")
