#!/usr/bin/env bash
# safetensors 0.8.0, safetensors.numpy: an array that is not C-contiguous (a transpose, a column-ordered array, every second
# column) is written as the bytes lie in memory, with the shape of the view: it comes back with the right shape and wrong
# numbers, without a warning. safetensors.torch refuses such tensors. (Big-endian arrays, which one might fear for, are right.)
# Weights taken from MATLAB, Fortran or a transposed kernel are such arrays. Help: numpy.ascontiguousarray before saving.
set -euo pipefail
work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "safetensors==0.8.0" "numpy==2.4.6"
"$work/venv/bin/python" - <<'PY'
import numpy as np
from safetensors.numpy import load, save

plain = np.arange(6, dtype=np.float32).reshape(2, 3)
for name, array, same in (
    ("C-contiguous", plain, True),
    ("big-endian", plain.astype(">f4"), True),
    ("column-ordered", np.asfortranarray(plain), False),
    ("transposed", plain.reshape(3, 2).T, False),
):
    back = load(save({"a": array}))["a"]
    print(name, "wrote", array.tolist(), "read", back.tolist())
    if back.shape != array.shape or np.array_equal(back, array) != same:
        raise SystemExit(f"changed: {name} used to come back {'right' if same else 'wrong'}")
PY
