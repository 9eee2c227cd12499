"""A wiring to look at: as text for a terminal (`show`) and as a picture (`picture.draw`, which imports matplotlib)."""

from throughtime.drawing.text import show
from throughtime.network.shapes import weight_count

__all__ = ["show", "weight_count"]
