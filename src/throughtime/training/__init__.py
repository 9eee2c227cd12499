"""Training: one loop, whatever the network, the learner and the optimizer."""

from throughtime.training.examining import evaluate
from throughtime.training.loop import train
from throughtime.training.report import Diverged, Report
from throughtime.training.sharpening import sharpen

__all__ = ["Diverged", "Report", "evaluate", "sharpen", "train"]
