"""A trained network outside Python: one time step as an ONNX graph, or as a C file."""

from throughtime.export.c import export_c
from throughtime.export.history import initial_history
from throughtime.export.onnx import export_onnx

__all__ = ["export_c", "export_onnx", "initial_history"]
