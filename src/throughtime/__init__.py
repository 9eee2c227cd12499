"""throughtime: recurrent networks as wiring, and every classical way of teaching them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from throughtime import features, units
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
from throughtime.features.sound import mfcc
from throughtime.io.sound import read as read_audio
from throughtime.learners import BPTT, RTRL, Backprop, Focused, Learner, Lesson, WeightNoise
from throughtime.losses import CTC, BinaryCrossEntropy, CrossEntropy, Integrated, SquaredError
from throughtime.models.columns import Column
from throughtime.models.model import Model
from throughtime.models.saving import load, save
from throughtime.models.stream import Stream
from throughtime.network import Connection, Layer, LearnedDelays, Network, from_json
from throughtime.ntm import ntm
from throughtime.recognition import recognise
from throughtime.represent import represent
from throughtime.training import Diverged, Report, evaluate, load_progress, save_progress, sharpen, train
from throughtime.training.kalman_filter import KalmanFilter
from throughtime.training.levenberg_marquardt import LevenbergMarquardt
from throughtime.units import Unit

if TYPE_CHECKING:
    from throughtime import turing
    from throughtime.drawing import draw, show
    from throughtime.dynamics.model import DynamicModel
    from throughtime.dynamics.preparing import prepare
    from throughtime.dynamics.study import Study
    from throughtime.dynamics.teaching import Teaching
    from throughtime.estimators import SequenceClassifier, SequenceRegressor
    from throughtime.exchange import export_c, export_onnx
    from throughtime.plots import plot_deltas, plot_prediction, plot_training
    from throughtime.reports.judgement import Judgement
    from throughtime.reports.run_folder import RunFolder

# What needs matplotlib or scikit-learn is imported when it is first asked for: both take longer than all the rest.
_LATER = {
    "DynamicModel": "dynamics.model",
    "Judgement": "reports.judgement",
    "RunFolder": "reports.run_folder",
    "SequenceClassifier": "estimators",
    "SequenceRegressor": "estimators",
    "Study": "dynamics.study",
    "Teaching": "dynamics.teaching",
    "draw": "drawing",
    "export_c": "exchange",
    "export_onnx": "exchange",
    "plot_deltas": "plots",
    "plot_prediction": "plots",
    "plot_training": "plots",
    "prepare": "dynamics.preparing",
    "show": "drawing",
}

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
    "read_audio",
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


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # who checks types shall find no name that is not there

    def __getattr__(name: str) -> Any:
        if name == "turing":
            return import_module("throughtime.turing")
        if name not in _LATER:
            raise AttributeError(f"module 'throughtime' has no attribute {name!r}")
        return getattr(import_module(f"throughtime.{_LATER[name]}"), name)
