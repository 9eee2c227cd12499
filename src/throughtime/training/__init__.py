"""Training: one loop, whatever the network, the learner and the optimizer."""

from throughtime.training.loop import Diverged, Report, evaluate, train

__all__ = ["Diverged", "Report", "evaluate", "train"]
