#!/usr/bin/env bash
# safetensors 0.8.0: the same arrays with the same metadata make other bytes from call to call, since the texts of the metadata
# are written in the order of a randomly seeded hash table. Checksums, signatures and caches of such files do not repeat. With
# one text, or none, the bytes repeat. Help: put everything into one text (JSON), or write the header oneself.
set -euo pipefail
work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "safetensors==0.8.0" "numpy==2.4.6"
"$work/venv/bin/python" - <<'PY'
import numpy as np
from safetensors.numpy import save

arrays = {"a": np.zeros(2, np.float32)}
for count in (0, 1, 5):
    texts = {f"text {n}": str(n) for n in range(count)}
    made = {save(arrays, texts or None) for _ in range(50)}
    print(count, "texts:", len(made), "different files out of 50")
    if (len(made) > 1) != (count == 5):
        raise SystemExit("changed: the order of metadata is another matter now")
PY
