"""A wiring to look at: as text for a terminal (`show`) and as a picture (`draw`)."""

from throughtime.drawing.facts import weight_count
from throughtime.drawing.picture import draw
from throughtime.drawing.text import show

__all__ = ["draw", "show", "weight_count"]
