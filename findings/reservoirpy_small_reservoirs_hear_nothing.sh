#!/usr/bin/env bash
# reservoirpy 0.4.2: the default input_connectivity of 0.1 is rounded to a whole number of weights. A Reservoir of 5 units with
# one input gets none: its states are zero for every seed and every input, without a warning. One of 20 units has two. Help:
# input_connectivity=1.0 for small reservoirs.
set -euo pipefail
work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "reservoirpy==0.4.2" "numpy==2.4.6"
"$work/venv/bin/python" - <<'PY'
import numpy as np
from reservoirpy.nodes import Reservoir

signal = np.random.default_rng(0).normal(size=(60, 1))


def silent(units, **options):
    return sum(not np.any(Reservoir(units, seed=seed, **options).run(signal)) for seed in range(50))


found = {"5 units": silent(5), "20 units": silent(20), "5 units, input_connectivity=1.0": silent(5, input_connectivity=1.0)}
print("of 50 seeds, reservoirs whose states are all zero:", found)
if list(found.values()) != [50, 0, 0]:
    raise SystemExit("changed: 50, 0 and 0 were seen")
PY
