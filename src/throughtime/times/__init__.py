"""What an index says of time: whether it orders the rows, what follows on it, and where it is uneven.

Class and command line ask the same functions, so that neither knows better.
"""

from throughtime.times.evenness import Uneven, told_uneven, uneven
from throughtime.times.order import Fault, fault, refuse
from throughtime.times.plans import check_follows, check_plan, coming, following, says_times

__all__ = [
    "Fault",
    "Uneven",
    "check_follows",
    "check_plan",
    "coming",
    "fault",
    "following",
    "refuse",
    "says_times",
    "told_uneven",
    "uneven",
]
