"""Learning algorithms: how a gradient is found is a value, never a property of the network."""

from throughtime.learners.backprop import Backprop
from throughtime.learners.bptt import BPTT
from throughtime.learners.focused import Focused
from throughtime.learners.lesson import Learner, Lesson
from throughtime.learners.noise import WeightNoise
from throughtime.learners.rtrl import RTRL

__all__ = ["BPTT", "RTRL", "Backprop", "Focused", "Learner", "Lesson", "WeightNoise"]
