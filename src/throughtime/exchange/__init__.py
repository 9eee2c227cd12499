"""A trained network outside Python: one time step as an ONNX graph, or as a C file."""

from throughtime.exchange.c import export_c
from throughtime.exchange.history import initial_history
from throughtime.exchange.onnx import export_onnx

__all__ = ["export_c", "export_onnx", "initial_history"]
