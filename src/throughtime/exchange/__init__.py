"""Models for others, and from them: one format, one file, in which `write(model, path)` stands beside a `read(path) -> Model`,
where the format holds a whole model. Both C and ONNX hold one time step, which others run."""

from throughtime.exchange.c import write as export_c
from throughtime.exchange.history import initial_history
from throughtime.exchange.onnx import write as export_onnx

WRITERS = {".onnx": export_onnx, ".c": export_c}

__all__ = ["WRITERS", "export_c", "export_onnx", "initial_history"]
