"""throughtime: recurrent networks as wiring, and every classical way of teaching them."""

from typing import TYPE_CHECKING

from throughtime.later import getattr_of

if TYPE_CHECKING:
    from throughtime import features, turing, units
    from throughtime.architectures import (
        elman,
        feedforward,
        focused,
        fully_recurrent,
        gru,
        jordan,
        lstm,
        narx,
        tdnn,
        waibel,
        window,
    )
    from throughtime.decoding import (
        LabelLanguage,
        Lexicon,
        NGram,
        WordLanguage,
        ctc_beam,
        ctc_greedy,
        label_error_rate,
        word_error_rate,
    )
    from throughtime.descent import gradient_descent
    from throughtime.drawing import show
    from throughtime.drawing.picture import draw
    from throughtime.dynamics.model import DynamicModel
    from throughtime.dynamics.preparing import prepare
    from throughtime.dynamics.study import Study
    from throughtime.dynamics.teaching import Teaching
    from throughtime.engine import (
        anneal,
        deltas,
        engine_info,
        hand_over,
        harden,
        init,
        jacobians,
        run,
        selected_delays,
        start,
        step,
        trace,
        using_engine,
    )
    from throughtime.estimators import SequenceClassifier, SequenceRegressor
    from throughtime.exchange import export_c, export_onnx
    from throughtime.external_memory import ntm
    from throughtime.features.sound import mfcc
    from throughtime.io.readers import any_of as read
    from throughtime.io.sound import read as read_audio
    from throughtime.io.strokes import read as read_strokes
    from throughtime.io.transcripts import read as read_transcripts
    from throughtime.learners import BPTT, RTRL, Backprop, Focused, Learner, Lesson, WeightNoise
    from throughtime.losses import CTC, BinaryCrossEntropy, CrossEntropy, Integrated, SquaredError
    from throughtime.models.columns import Column
    from throughtime.models.model import Model
    from throughtime.models.saving import load, save
    from throughtime.models.stream import Stream
    from throughtime.network import Connection, Layer, LearnedDelays, Network, from_json
    from throughtime.plots import plot_deltas, plot_prediction, plot_training
    from throughtime.recognition import recognise
    from throughtime.reports.judgement import Judgement
    from throughtime.reports.run_folder import RunFolder
    from throughtime.represented import represent
    from throughtime.training import Diverged, Report, evaluate, load_progress, save_progress, sharpen, train
    from throughtime.training.kalman_filter import KalmanFilter
    from throughtime.training.levenberg_marquardt import LevenbergMarquardt
    from throughtime.units import Unit

__all__ = [
    "BPTT",
    "CTC",
    "RTRL",
    "Backprop",
    "BinaryCrossEntropy",
    "Column",
    "Connection",
    "CrossEntropy",
    "Diverged",
    "DynamicModel",
    "Focused",
    "Integrated",
    "Judgement",
    "KalmanFilter",
    "LabelLanguage",
    "Layer",
    "LearnedDelays",
    "Learner",
    "Lesson",
    "LevenbergMarquardt",
    "Lexicon",
    "Model",
    "NGram",
    "Network",
    "Report",
    "RunFolder",
    "SequenceClassifier",
    "SequenceRegressor",
    "SquaredError",
    "Stream",
    "Study",
    "Teaching",
    "Unit",
    "WeightNoise",
    "WordLanguage",
    "anneal",
    "ctc_beam",
    "ctc_greedy",
    "deltas",
    "draw",
    "elman",
    "engine_info",
    "evaluate",
    "export_c",
    "export_onnx",
    "features",
    "feedforward",
    "focused",
    "from_json",
    "fully_recurrent",
    "gradient_descent",
    "gru",
    "hand_over",
    "harden",
    "init",
    "jacobians",
    "jordan",
    "label_error_rate",
    "load",
    "load_progress",
    "lstm",
    "mfcc",
    "narx",
    "ntm",
    "plot_deltas",
    "plot_prediction",
    "plot_training",
    "prepare",
    "read",
    "read_audio",
    "read_strokes",
    "read_transcripts",
    "recognise",
    "represent",
    "run",
    "save",
    "save_progress",
    "selected_delays",
    "sharpen",
    "show",
    "start",
    "step",
    "tdnn",
    "trace",
    "train",
    "turing",
    "units",
    "using_engine",
    "waibel",
    "window",
    "word_error_rate",
]

# {module: its names above}: each is imported when it is first asked for, as JAX alone takes most of a second.
_PLACES = {
    "": ("features", "turing", "units"),
    "architectures": (
        *("elman", "feedforward", "focused", "fully_recurrent", "gru", "jordan", "lstm", "narx", "tdnn", "waibel"),
        "window",
    ),
    "decoding": (
        *("LabelLanguage", "Lexicon", "NGram", "WordLanguage", "ctc_beam", "ctc_greedy", "label_error_rate"),
        "word_error_rate",
    ),
    "descent": ("gradient_descent",),
    "drawing.picture": ("draw",),
    "drawing": ("show",),
    "dynamics.model": ("DynamicModel",),
    "dynamics.preparing": ("prepare",),
    "dynamics.study": ("Study",),
    "dynamics.teaching": ("Teaching",),
    "engine": (
        *("anneal", "deltas", "engine_info", "hand_over", "harden", "init", "jacobians", "run", "selected_delays"),
        *("start", "step", "trace", "using_engine"),
    ),
    "estimators": ("SequenceClassifier", "SequenceRegressor"),
    "exchange": ("export_c", "export_onnx"),
    "external_memory": ("ntm",),
    "features.sound": ("mfcc",),
    "io.readers": ("any_of as read",),
    "io.sound": ("read as read_audio",),
    "io.strokes": ("read as read_strokes",),
    "io.transcripts": ("read as read_transcripts",),
    "learners": ("BPTT", "RTRL", "Backprop", "Focused", "Learner", "Lesson", "WeightNoise"),
    "losses": ("CTC", "BinaryCrossEntropy", "CrossEntropy", "Integrated", "SquaredError"),
    "models.columns": ("Column",),
    "models.model": ("Model",),
    "models.saving": ("load", "save"),
    "models.stream": ("Stream",),
    "network": ("Connection", "Layer", "LearnedDelays", "Network", "from_json"),
    "plots": ("plot_deltas", "plot_prediction", "plot_training"),
    "recognition": ("recognise",),
    "reports.judgement": ("Judgement",),
    "reports.run_folder": ("RunFolder",),
    "represented": ("represent",),
    "training": ("Diverged", "Report", "evaluate", "load_progress", "save_progress", "sharpen", "train"),
    "training.kalman_filter": ("KalmanFilter",),
    "training.levenberg_marquardt": ("LevenbergMarquardt",),
    "units": ("Unit",),
}


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # who checks types shall find no name that is not there
    __getattr__ = getattr_of(__name__, _PLACES)
