"""Training: one loop, whatever the network, the learner and the optimizer."""

from throughtime.training.examining import evaluate
from throughtime.training.loop import train
from throughtime.training.progress import load_progress, save_progress
from throughtime.training.report import Diverged, Report
from throughtime.training.sharpening import sharpen

__all__ = ["Diverged", "Report", "evaluate", "load_progress", "save_progress", "sharpen", "train"]
