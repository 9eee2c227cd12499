"""Audio: from a sound file to the features a network hears. Needs the extra `audio`.

The work is done by two small libraries that are kept up: soundfile reads files (libsndfile), kaldi-native-fbank makes the
MFCC, as Kaldi does, without numba or torch behind it.
"""

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[Any]

MISSING = "sound needs the extra `audio`: pip install 'throughtime[audio]'"


def read_audio(path: str | os.PathLike[str]) -> tuple[Values, int]:
    """The samples (N,) of a sound file (WAV, FLAC, OGG, ...), from -1 to 1, and samples per second; channels are averaged.

    raises  OSError or soundfile.SoundFileError if the file cannot be read, ImportError without the extra `audio`
    """
    try:
        import soundfile
    except ImportError:
        raise ImportError(MISSING) from None
    samples, rate = soundfile.read(os.fspath(path), always_2d=True)
    return samples.mean(axis=1), int(rate)


def mfcc(samples: ArrayLike, rate: int, coefficients: int = 13, filters: int = 26) -> Values:
    """Mel-frequency cepstral coefficients, 100 frames per second: (1 + floor((N - 0.025 rate) / (0.01 rate)), coefficients).

    Frames of 25 ms, each without its mean, pre-emphasis 0.97, Hamming window, power spectrum, `filters` triangular mel
    filters from 0 to rate / 2, logarithm, discrete cosine transform, lifter 22; column 0 is the frame's log energy.

    samples  (N,) from -1 to 1
    rate     samples per second

    raises  ValueError if there are no 25 ms of one channel, ImportError without the extra `audio`
    cost    O(N log N)
    """
    try:
        import kaldi_native_fbank as kaldi
    except ImportError:
        raise ImportError(MISSING) from None
    values = np.asarray(samples, np.float32)
    if values.ndim != 1 or len(values) < round(0.025 * rate):
        raise ValueError(
            f"samples have shape {values.shape}; wanted one channel (N,) of at least 25 ms at {rate} per second"
        )
    options = kaldi.MfccOptions()
    options.frame_opts.samp_freq, options.frame_opts.window_type, options.frame_opts.dither = rate, "hamming", 0
    options.mel_opts.num_bins, options.mel_opts.low_freq = filters, 0
    options.num_ceps = coefficients
    maker = kaldi.OnlineMfcc(options)
    maker.accept_waveform(rate, (32768 * values).tolist())
    maker.input_finished()
    return np.stack([maker.get_frame(t) for t in range(maker.num_frames_ready)])
