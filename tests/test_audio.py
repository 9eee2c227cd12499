"""MFCC against the formulas, written out; sound files against what was written."""

import io
import math
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from throughtime.datasets import an4
from throughtime.features import normalise
from throughtime.features.sound import mfcc, resample
from throughtime.io.sound import read as read_audio

pytest.importorskip("kaldi_native_fbank")
pytest.importorskip("soundfile")


def naive_mfcc(
    samples: np.ndarray,
    rate: int,
    coefficients: int = 13,
    filters: int = 26,
    low: float = 0.0,
    high: float | None = None,
    energy: bool = True,
) -> np.ndarray:
    """Frame by frame, filter by filter."""
    long, count = int(0.025 * rate), 1 + math.floor((len(samples) - 0.025 * rate) / (0.01 * rate))
    size = 2 ** int(np.ceil(np.log2(long)))
    edges = np.linspace(*(1127 * np.log(1 + np.array([low, high or rate / 2]) / 700)), filters + 2)
    mel = 1127 * np.log(1 + np.arange(size // 2) * rate / size / 700)
    rows = []
    for t in range(count):
        start = math.floor(0.01 * t * rate + 0.5)
        frame = 32768 * samples[start : start + long]
        frame = frame - frame.mean()
        loud = np.log(np.sum(frame**2))
        frame = frame - 0.97 * np.concatenate([frame[:1], frame[:-1]])
        frame = frame * (0.54 - 0.46 * np.cos(2 * np.pi * np.arange(long) / (long - 1)))
        power = np.abs(np.fft.rfft(frame, size))[: size // 2] ** 2
        heard = []
        for left, middle, right in zip(edges, edges[1:], edges[2:], strict=False):
            weight = np.minimum((mel - left) / (middle - left), (right - mel) / (right - middle))
            heard.append(np.log(np.sum(np.maximum(weight, 0) * power)))
        turn = np.pi / filters * (np.arange(filters) + 0.5)
        row = [np.sqrt(2 / filters) * np.sum(heard * np.cos(k * turn)) for k in range(coefficients)]
        row = [row[0] / np.sqrt(2), *(c * (1 + 11 * np.sin(np.pi * k / 22)) for k, c in enumerate(row) if k)]
        rows.append([loud, *row[1:]] if energy else row)
    return np.array(rows)


@pytest.mark.parametrize(
    ("rate", "number", "options"),
    [
        (8000, 1000, {}),
        (16000, 400, {}),
        (16000, 2345, {}),
        (11025, 4000, {}),
        (22050, 5733, {"filters": 40}),
        (44100, 3333, {}),
        (16000, 2345, {"filters": 40, "low": 130.0, "high": 6800.0, "energy": False}),
    ],
)
def test_mfcc_are_the_formulas(rate: int, number: int, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    samples = 0.1 * rng.normal(size=number) + 0.3 * np.sin(2 * np.pi * 440 / rate * np.arange(number))
    wanted = naive_mfcc(samples, rate, **options)
    made = mfcc(samples, rate, **options)
    assert made.shape == wanted.shape
    np.testing.assert_allclose(made, wanted, atol=2e-3)  # float32 within; the values are of size 10


def naive_sphinx(samples: np.ndarray, rate: int = 16000, filters: int = 40) -> np.ndarray:
    """CMU's front end: frames of 410 samples, filters from 130 to 6800 Hz, triangles over hertz of area 1, no lifter."""
    sound = 32768 * (samples - 0.97 * np.concatenate([samples[:1], samples[:-1]]))
    edges = 700 * (10 ** (np.linspace(*(2595 * np.log10(1 + np.array([130, 6800]) / 700)), filters + 2) / 2595) - 1)
    edges = np.round(edges * 512 / rate) * rate / 512
    hertz, turn, rows = np.arange(257) * rate / 512, np.pi / filters * (np.arange(filters) + 0.5), []
    for start in range(0, len(sound) - 410 + 1, 160):
        power = np.abs(np.fft.rfft(sound[start : start + 410] * np.hamming(410), 512)) ** 2
        heard = []
        for left, middle, right in zip(edges, edges[1:], edges[2:], strict=False):
            weight = np.minimum((hertz - left) / (middle - left), (right - hertz) / (right - middle))
            heard.append(np.log(np.sum(np.maximum(weight, 0) * power) * 2 / (right - left)))
        rows.append([np.sum(heard * np.cos(k * turn)) for k in range(13)])
    return np.array(rows)


def test_the_cepstra_of_an4_are_nearly_those_of_its_front_end() -> None:
    """Normalised, of syllables with noise; those with the usual filters are not."""
    rng, time = np.random.default_rng(0), np.arange(16000) / 16000
    pitch, formants = (
        np.cumsum(110 + 20 * np.sin(7 * time)) / 16000,
        (600 + 300 * np.sin(9 * time), 1800 + 700 * np.cos(5 * time)),
    )
    voice = sum(
        np.cos(2 * np.pi * k * pitch) * sum(np.exp(-(((110 * k - f) / 200) ** 2)) for f in formants)
        for k in range(1, 40)
    )
    samples = 0.05 * voice * (1 + np.sin(25 * time)) + 0.003 * rng.normal(size=16000)
    told = {name: value for name, value in an4.MADE.items() if name != "rate"}
    wanted = normalise(naive_sphinx(samples))

    def distance(made: np.ndarray) -> float:
        return float(np.sqrt(np.mean((normalise(made)[: len(wanted)] - wanted) ** 2)))

    assert distance(mfcc(samples, 16000, **told)) < 0.15
    assert distance(mfcc(samples, 16000)) > 0.4


def test_a_sound_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    steps = np.array([[0, 100], [-32768, 0], [300, 500]], "<i2")
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(steps.tobytes())
    samples, rate = read_audio(tmp_path / "a.wav")
    assert rate == 8000
    np.testing.assert_allclose(samples, steps.mean(axis=1) / 32768, atol=1e-9)


@pytest.mark.parametrize("rate", [8000, 11025, 12345, 16000, 22050, 44100, 48000])
def test_there_are_100_frames_a_second_at_every_rate(rate: int) -> None:
    assert len(mfcc(np.zeros(10 * rate), rate)) == 998
    least = -(-rate // 40)
    assert len(mfcc(np.zeros(least), rate)) == 1
    with pytest.raises(
        ValueError, match=f"the sound has {least - 1} samples, .* ms; it must have at least {least}, which"
    ):
        mfcc(np.zeros(least - 1), rate)


def test_samples_without_cepstra_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"the sound has 10 samples, 1.25 ms; it must have at least 200, which are 25 ms"
    ):
        mfcc(np.zeros(10), 8000)
    with pytest.raises(
        ValueError, match=r"the sound has 275 samples, 24.9 ms; it must have at least 276, which are 25 ms"
    ):
        mfcc(np.zeros(275), 11025)
    with pytest.raises(ValueError, match=r"samples have shape \(9, 2\); wanted one channel"):
        mfcc(np.zeros((9, 2)), 8000)
    with pytest.raises(ValueError, match=r"these are int16; divide 16-bit numbers by 32768"):
        mfcc(np.zeros(1000, np.int16), 8000)
    with pytest.raises(ValueError, match=r"between -1 and 1, these reach 3.28e[+]03; divide 16-bit numbers by 32768"):
        mfcc(np.full(1000, -3277.0), 8000)
    with pytest.raises(ValueError, match=r"between -1 and 1, these reach 1e[+]35"):
        mfcc(np.full(1000, 1e35), 8000)
    assert mfcc(2 * np.ones(1000), 8000).shape == (11, 13)  # floats may be louder than full scale
    with pytest.raises(ValueError, match=r"samples have a number that is not finite"):
        mfcc(np.full(1000, np.nan), 8000)
    for name, value in (
        ("coefficients", 0),
        ("coefficients", -1),
        ("coefficients", 27),
        ("filters", 2),
        ("filters", 10**9),
    ):
        with pytest.raises(ValueError, match=rf"{name} must be a whole number from .*, not {value}"):
            mfcc(np.zeros(1000), 8000, **{name: value})
    with pytest.raises(ValueError, match=r"filters from 130 to 6800 Hz do not lie within 0 to 4000"):
        mfcc(np.zeros(1000), 8000, low=130, high=6800)


@pytest.mark.parametrize("rate", [0, -8000, 40, 8000.5, 2**31])
def test_a_rate_that_sound_does_not_have_is_refused(rate: Any) -> None:
    words = "sound has 1,000 to 400,000 samples per second, a whole number; this has"
    for call in (lambda: mfcc(np.zeros(9000), rate), lambda: resample(np.zeros(9), rate, 16000)):
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(ValueError, match=words):
        resample(np.zeros(9), 16000, rate)


def test_rates_with_nothing_in_common_are_refused_with_the_size_of_the_filter() -> None:
    with pytest.raises(
        ValueError, match=r"from 399989 to 16000 .* a filter of 7,999,780 numbers, more than 2,000,000; convert"
    ):
        resample(np.zeros(100), 399989, 16000)
    assert len(resample(np.zeros(100), 22254, 16000)) == 72


def test_a_resampled_tone_is_the_same_tone() -> None:
    """Away from the ends, where the filter hears silence outside; a tone above what the new rate can hold is gone."""
    long = np.arange(4410) / 44100
    short = np.arange(1600) / 16000
    made = resample(np.sin(2 * np.pi * 440 * long) + np.sin(2 * np.pi * 15000 * long), 44100, 16000)
    assert made.shape == (1600,)
    np.testing.assert_allclose(made[100:-100], np.sin(2 * np.pi * 440 * short)[100:-100], atol=2e-2)


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"does not exist"):
        read_audio(tmp_path / "a.wav")
    (tmp_path / "a.wav").write_text("x,y\n1,2\n")
    with pytest.raises(ValueError, match=r"cannot be read as sound; give a WAV"):
        read_audio(tmp_path / "a.wav")
    (tmp_path / "a.raw").write_bytes(bytes(100))
    with pytest.raises(ValueError, match=r"holds samples without a header that says what they are; convert it to WAV"):
        read_audio(tmp_path / "a.raw")
    head = b"NIST_1A\n   1024\nsample_rate -i 16000\nsample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n"
    (tmp_path / "a.sph").write_bytes(head.ljust(1024) + bytes(100))
    with pytest.raises(ValueError, match=r"is compressed with shorten; decompress it first"):
        read_audio(tmp_path / "a.sph")


def wav(samples: np.ndarray, rate: int = 8000, channels: int = 1, promised: int | None = None) -> bytes:
    """A file of 16-bit whole numbers or of 32-bit floats, as its format has it; `promised` bytes in its header."""
    code, data = (1 if samples.dtype.kind == "i" else 3), samples.tobytes()
    size, width = len(data) if promised is None else promised, channels * samples.itemsize
    form = struct.pack("<HHIIHH", code, channels, rate, rate * width % 2**32, width, 8 * samples.itemsize)
    head = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", min(size + 36, 2**32 - 1)) + head + data


NOISE = (1000 * np.random.default_rng(0).normal(size=4000)).astype("<i2")


def test_a_wav_is_read_by_what_is_in_it_not_by_what_it_promises(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(NOISE))
    np.testing.assert_array_equal(read_audio(path)[0], NOISE / 32768)
    path.write_bytes(wav(NOISE, promised=2**32 - 1))  # of a program that did not know yet how long it would be
    np.testing.assert_array_equal(read_audio(path)[0], NOISE / 32768)
    path.write_bytes(wav(NOISE, promised=2**31 - 1000))
    with pytest.raises(ValueError, match=r"is cut short: only 0.5 s of its sound are there; copy it again"):
        read_audio(path)
    path.write_bytes(wav(NOISE)[:-100])
    with pytest.raises(ValueError, match=r"is cut short: only 0.494 s"):
        read_audio(path)
    path.write_bytes(wav(NOISE[:0]))
    with pytest.raises(ValueError, match=r"has no samples"):
        read_audio(path)


@pytest.mark.parametrize("rate", [1, 999, 400_001, 2**31 - 1, 2**32 - 1])
def test_a_rate_in_a_header_decides_on_nothing(tmp_path: Path, rate: int) -> None:
    (tmp_path / "a.wav").write_bytes(wav(NOISE, rate))
    with pytest.raises(ValueError, match=r"a.wav.*(1,000 to 400,000 samples per second|cannot be read as sound)"):
        read_audio(tmp_path / "a.wav")


def test_samples_in_a_file_are_from_minus_1_to_1(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(np.array([0.5, -1.5], "<f4")))
    assert read_audio(path)[0].tolist() == [0.5, -1.5]
    for value, words in ((1e30, "these reach 1e[+]30; divide"), (np.inf, "not finite"), (np.nan, "not finite")):
        path.write_bytes(wav(np.array([0.5, value], "<f4")))
        with pytest.raises(ValueError, match=rf"a.wav: samples .*{words}"):
            read_audio(path)


@pytest.mark.parametrize("kind", ["flac", "ogg", "aiff", "au", "w64"])
def test_a_sound_that_is_cut_is_told_in_every_format(tmp_path: Path, kind: str) -> None:
    import soundfile

    whole, path = io.BytesIO(), tmp_path / f"a.{kind}"
    soundfile.write(whole, NOISE, 8000, format=kind)
    path.write_bytes(whole.getvalue())
    assert len(read_audio(path)[0]) == 4000
    path.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    with pytest.raises(ValueError, match=r"cut short|cut within its sound|cannot be read as sound") as error:
        read_audio(path)
    assert "\n" not in str(error.value)


def test_a_recording_is_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.wav").write_bytes(wav(NOISE))
    monkeypatch.setattr("throughtime.io.sound.LONGEST", 3999)
    with pytest.raises(ValueError, match="has more than 3,999 samples; cut it into shorter recordings"):
        read_audio(tmp_path / "a.wav")
