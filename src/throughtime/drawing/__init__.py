"""A wiring to look at: as text for a terminal (`show`) and as a picture (`picture.draw`, which imports matplotlib)."""

from throughtime.drawing.facts import weight_count
from throughtime.drawing.text import show

__all__ = ["show", "weight_count"]
