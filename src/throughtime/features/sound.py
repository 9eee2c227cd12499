"""Sound: from samples to mel cepstra, which `features` turns into what a network hears. Needs the extra `audio`.

The work is done by a small library that is kept up: kaldi-native-fbank makes the MFCC, as Kaldi does, without numba or torch
behind it.
"""

from math import gcd
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from throughtime.checks import is_number, is_whole, quoted

Values = NDArray[Any]

MISSING = "sound needs the extra `audio`: pip install 'throughtime[audio]'"
RATES = (1_000, 400_000)  # samples per second: what sound is recorded with
LOUDEST = 8.0  # 18 dB above full scale; 16-bit numbers are beyond it even in silence
MOST_FILTERS = 512  # the frames of most rates have no more frequencies
TAPS = 2_000_000  # of a filter between two rates


def check_rate(rate: Any, where: str = "") -> int:
    """Samples per second, checked."""
    low, high = RATES
    if rate != int(rate) or not low <= rate <= high:
        raise ValueError(f"{where}sound has {low:,} to {high:,} samples per second, a whole number; this has {rate:,}")
    return int(rate)


def resample(samples: ArrayLike, rate: int, wanted: int) -> Values:
    """The sound (N,) at another number of samples per second: (ceil(N wanted / rate),), filtered against aliases.

    raises  ValueError if a rate is none of sound, or the two have so little in common that the filter would be huge
    cost    O(N)

    >>> len(resample(np.zeros(44100), 44100, 16000))
    16000
    """
    values = np.asarray(samples, float)
    if rate == wanted:
        return values
    common = gcd(check_rate(rate), check_rate(wanted))
    taps = 20 * max(rate, wanted) // common
    if taps > TAPS:
        raise ValueError(
            f"from {rate} to {wanted} samples per second takes a filter of {taps:,} numbers, more than {TAPS:,}; "
            f"convert the sound to {wanted} with a sound editor first"
        )
    from scipy.signal import resample_poly  # here, since it takes long to import

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

    Frame t begins at the sample nearest to 0.01 t seconds, also where 10 ms are no whole number of samples, and has the whole
    samples within 25 ms. Each is without its mean, with pre-emphasis 0.97, Hamming window, power spectrum, `filters`
    triangular mel filters, logarithm, discrete cosine transform, lifter 22.

    samples    (N,) from -1 to 1
    rate       samples per second
    low, high  hertz, from where to where the filters lie; None: rate / 2
    energy     column 0 is the frame's log energy, in the place of coefficient 0

    raises  ValueError if there are no 25 ms of one channel, samples are whole numbers, not finite or beyond -8 to 8, the rate
            is none of sound, or the filters do not lie within 0 to rate / 2, are too many for it or fewer than coefficients;
            ImportError without the extra `audio`
    cost    O(N log N)
    """
    try:
        import kaldi_native_fbank as kaldi
    except ImportError:
        raise ImportError(MISSING) from None
    values, rate = check_samples(samples).astype(np.float32), check_rate(rate)
    frames = _frames(values, rate)
    check_filters(coefficients, filters, low, high, energy)
    if not 0 <= low < (high or rate / 2) <= rate / 2:
        raise ValueError(
            f"filters from {low} to {high} Hz do not lie within 0 to {rate / 2}, half the samples per second"
        )
    options = kaldi.MfccOptions()
    options.frame_opts.samp_freq, options.frame_opts.window_type, options.frame_opts.dither = rate, "hamming", 0
    options.mel_opts.num_bins, options.mel_opts.low_freq, options.mel_opts.high_freq = filters, low, high or 0
    options.num_ceps, options.use_energy = coefficients, energy
    long = 1000 * (frames.shape[1] + 0.5) / rate  # ms; half a sample more, since it is cut down to whole ones
    options.frame_opts.frame_length_ms = options.frame_opts.frame_shift_ms = long
    maker = kaldi.OnlineMfcc(options)
    maker.accept_waveform(rate, (32768 * frames.ravel()).tolist())
    maker.input_finished()
    return np.stack([maker.get_frame(t) for t in range(len(frames))])


def _frames(values: Values, rate: int) -> Values:
    """(T, samples): the frames, one after the other. Kaldi's own would begin every 110 of 110.25 samples."""
    count = 1 + (1000 * len(values) - 25 * rate) // (10 * rate)
    if count < 1:
        raise ValueError(
            f"the sound has {len(values)} samples, {1000 * len(values) / rate:.3g} ms; it must have at least "
            f"{-(-25 * rate // 1000)}, which are 25 ms"
        )
    begin = (2 * rate * np.arange(count) + 100) // 200
    return np.asarray(values[begin[:, None] + np.arange(25 * rate // 1000)])


def check_samples(given: ArrayLike, where: str = "") -> Values:
    """Samples (N,) from -1 to 1, checked."""
    values = np.asarray(given)
    if values.ndim != 1:
        raise ValueError(f"{where}samples have shape {values.shape}; wanted one channel (N,)")
    if values.dtype.kind != "f":
        raise ValueError(
            f"{where}samples must lie between -1 and 1, these are {values.dtype}; divide 16-bit numbers by 32768"
        )
    if not np.isfinite(values).all():
        raise ValueError(f"{where}samples have a number that is not finite")
    if np.abs(values).max(initial=0) > LOUDEST:
        raise ValueError(
            f"{where}samples must lie between -1 and 1, these reach {np.abs(values).max():.3g}; divide 16-bit numbers by 32768"
        )
    return values


def check_filters(
    coefficients: Any = 13, filters: Any = 26, low: Any = 0.0, high: Any = None, energy: Any = True
) -> None:
    """Refuse what `mfcc` cannot be told: at some of it the library beneath would end the whole program."""
    if not is_whole(filters, 3, MOST_FILTERS):
        raise ValueError(f"filters must be a whole number from 3 to {MOST_FILTERS}, not {quoted(filters)}")
    if not is_whole(coefficients, 1, filters):
        raise ValueError(
            f"coefficients must be a whole number from 1 to {filters}, the filters, not {quoted(coefficients)}"
        )
    if not is_number(low) or not (high is None or is_number(high)):
        raise ValueError(f"filters lie between numbers of hertz, not {quoted(low)} and {quoted(high)}")
    if energy not in (True, False):
        raise ValueError(f"energy must be True or False, not {quoted(energy)}")
