#!/usr/bin/env bash
# onnxruntime 1.32.0: a big-endian float32 numpy array is taken as an input without a word, and its bytes are read in the
# wrong order: Identity of [1, 2, 3] answers [4.6e-41, 9.0e-44, 2.3e-41]. onnx 1.23.2 refuses to make a tensor of the same array.
# Inputs read from .mat, HTK, SPHERE or NetCDF files may be big-endian. Help: x.astype(x.dtype.newbyteorder("=")).
set -euo pipefail
work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "onnx==1.23.2" "onnxruntime==1.32.0" "numpy==2.4.6"
"$work/venv/bin/python" - <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

signal = np.array([1, 2, 3], np.float32)
sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "identity", sides[:1], sides[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
session = onnxruntime.InferenceSession(model.SerializeToString())
native, other = (session.run(None, {"x": x})[0] for x in (signal, signal.astype(">f4")))
print("native:", native, " big-endian:", other)
if not np.array_equal(native, signal) or not np.array_equal(other, signal.byteswap()):
    raise SystemExit("changed: the bytes of a big-endian input are no longer read as they lie")
try:
    numpy_helper.from_array(signal.astype(">f4"))
except ValueError as error:
    print("onnx:", error)
else:
    raise SystemExit("changed: onnx makes a tensor of a big-endian array")
PY
