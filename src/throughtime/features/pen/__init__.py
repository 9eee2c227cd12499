"""Pen trajectories: what a network sees of handwriting, and changes of it that keep its label.

A drawing is an array (P, 3), point by point: x, y (upwards), and 1 at the last point of each stroke, else 0. The way from there
to the next stroke is in the air. All functions take many drawings at once, of any lengths: tens of thousands in seconds.
"""

from throughtime.features.pen.changes import PenChanges
from throughtime.features.pen.drawings import in_heights, in_usual_heights
from throughtime.features.pen.features import COLUMNS, PenFeatures, pen_input

__all__ = ["COLUMNS", "PenChanges", "PenFeatures", "in_heights", "in_usual_heights", "pen_input"]
