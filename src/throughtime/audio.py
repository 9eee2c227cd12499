"""Audio: from a sound file to mel cepstra, which `features` turns into what a network hears. Needs the extra `audio`.

The work is done by two small libraries that are kept up: soundfile reads files (libsndfile), kaldi-native-fbank makes the
MFCC, as Kaldi does, without numba or torch behind it.
"""

import os
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[Any]

MISSING = "sound needs the extra `audio`: pip install 'throughtime[audio]'"


def read_audio(path: str | os.PathLike[str]) -> tuple[Values, int]:
    """The samples (N,) of a sound file (WAV, FLAC, OGG, ...), from -1 to 1, and samples per second; channels are averaged.

    raises  OSError if there is no such file, ValueError if it is no sound, ImportError without the extra `audio`
    """
    try:
        import soundfile
    except ImportError:
        raise ImportError(MISSING) from None
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist or is no file; give a sound file, such as .wav")
    try:
        samples, rate = soundfile.read(os.fspath(path), always_2d=True)
    except soundfile.SoundFileError:
        raise ValueError(f"{path} cannot be read as sound; give a WAV, FLAC or OGG file") from None
    return samples.mean(axis=1), int(rate)


def resample(samples: ArrayLike, rate: int, wanted: int) -> Values:
    """The sound (N,) at another number of samples per second: (ceil(N wanted / rate),), filtered against aliases.

    cost  O(N)

    >>> len(resample(np.zeros(44100), 44100, 16000))
    16000
    """
    values = np.asarray(samples, float)
    if rate == wanted:
        return values
    from scipy.signal import resample_poly  # here, since it takes long to import

    common = gcd(rate, wanted)
    return np.asarray(resample_poly(values, wanted // common, rate // common))


def mfcc(
    samples: ArrayLike,
    rate: int,
    coefficients: int = 13,
    filters: int = 26,
    low: float = 0.0,
    high: float | None = None,
    energy: bool = True,
) -> Values:
    """Mel-frequency cepstral coefficients, 100 frames per second: (1 + floor((N - 0.025 rate) / (0.01 rate)), coefficients).

    Frames of 25 ms, each without its mean, pre-emphasis 0.97, Hamming window, power spectrum, `filters` triangular mel
    filters, logarithm, discrete cosine transform, lifter 22.

    samples    (N,) from -1 to 1
    rate       samples per second
    low, high  hertz, from where to where the filters lie; None: rate / 2
    energy     column 0 is the frame's log energy, in the place of coefficient 0

    raises  ValueError if there are no 25 ms of one channel, samples are whole numbers or not finite, or the filters do not
            lie within 0 to rate / 2; ImportError without the extra `audio`
    cost    O(N log N)
    """
    try:
        import kaldi_native_fbank as kaldi
    except ImportError:
        raise ImportError(MISSING) from None
    values = _samples(samples)
    if len(values) < round(0.025 * rate):
        raise ValueError(f"the sound is {1000 * len(values) / rate:.0f} ms long; it must have at least 25 ms")
    if not 0 <= low < (high or rate / 2) <= rate / 2:
        raise ValueError(
            f"filters from {low} to {high} Hz do not lie within 0 to {rate / 2}, half the samples per second"
        )
    options = kaldi.MfccOptions()
    options.frame_opts.samp_freq, options.frame_opts.window_type, options.frame_opts.dither = rate, "hamming", 0
    options.mel_opts.num_bins, options.mel_opts.low_freq, options.mel_opts.high_freq = filters, low, high or 0
    options.num_ceps, options.use_energy = coefficients, energy
    maker = kaldi.OnlineMfcc(options)
    maker.accept_waveform(rate, (32768 * values).tolist())
    maker.input_finished()
    return np.stack([maker.get_frame(t) for t in range(maker.num_frames_ready)])


def _samples(given: ArrayLike) -> Values:
    values = np.asarray(given)
    if values.ndim != 1:
        raise ValueError(f"samples have shape {values.shape}; wanted one channel (N,)")
    if values.dtype.kind != "f":
        raise ValueError(f"samples must lie between -1 and 1, these are {values.dtype}; divide 16-bit numbers by 32768")
    if not np.isfinite(values).all():
        raise ValueError("samples have a number that is not finite")
    return values.astype(np.float32)
