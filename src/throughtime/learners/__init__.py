"""Learning algorithms: how a gradient is found is a value, never a property of the network."""

from collections.abc import Callable

from throughtime.learners.backprop import Backprop
from throughtime.learners.bptt import BPTT
from throughtime.learners.focused import Focused
from throughtime.learners.lesson import Learner, Lesson
from throughtime.learners.noise import WeightNoise
from throughtime.learners.rtrl import RTRL

# By their names, for all that offer a choice. `WeightNoise` wraps one of them.
LEARNERS: dict[str, Callable[..., Learner]] = {"backprop": Backprop, "bptt": BPTT, "rtrl": RTRL, "focused": Focused}

__all__ = ["BPTT", "LEARNERS", "RTRL", "Backprop", "Focused", "Learner", "Lesson", "WeightNoise"]
