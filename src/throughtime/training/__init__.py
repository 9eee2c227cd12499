"""Training: one loop, whatever the network, the learner and the optimizer."""

from throughtime.training.loop import Diverged, Report, evaluate, train
from throughtime.training.sharpening import sharpen

__all__ = ["Diverged", "Report", "evaluate", "sharpen", "train"]
