#!/usr/bin/env bash
# jax 0.10.2, jaxlib 0.10.2: a jitted function refuses a big-endian numpy array with a TypeError when it has not run yet.
# Once it has been called twice with a native array of the same shape, it takes the big-endian one without a word and reads
# its bytes in the wrong order: 2 * [0, 1, 2, 3] of int32 becomes [0, 33554432, 67108864, 100663296].
# Big-endian arrays come out of .mat, HTK, SPHERE, FITS and NetCDF readers. Help: x.astype(x.dtype.newbyteorder("=")).
set -euo pipefail
work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "jax==0.10.2" "jaxlib==0.10.2" "numpy==2.4.6"
JAX_PLATFORMS=cpu "$work/venv/bin/python" - <<'PY'
import jax
import numpy as np

native = np.arange(4, dtype="=i4")
fresh = jax.jit(lambda x: x * 2)
try:
    fresh(native.astype(">i4"))
except TypeError:
    print("fresh function: TypeError")
else:
    raise SystemExit("changed: a fresh function takes big-endian arrays")

warm = jax.jit(lambda x: x * 2)
for _ in range(3):
    warm(native)
seen = np.asarray(warm(native.astype(">i4"))).tolist()
print("after native arrays:", seen)
if seen != [0, 33554432, 67108864, 100663296]:
    raise SystemExit("changed: another answer than the one that was seen")
PY
