#!/usr/bin/env bash
# SysIdentPy 0.9.0: predict(steps_ahead=k) is not the k-step-ahead prediction of every row. It runs on its own for k rows, then
# takes up the measurements again: of each k rows in a row, the first is predicted one step ahead, the second two, only the last
# k. Errors "k steps ahead" measured so are too small; MATLAB's predict(sys, data, K) hears y up to t - K for every t.
# And the first max_lag rows of every prediction are the measurements themselves, error 0, which scores count.
set -euo pipefail
work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "sysidentpy==0.9.0" "numpy==2.2.6" "torch==2.13.0"
"$work/venv/bin/python" -W ignore - <<'PY'
import numpy as np
from sysidentpy.basis_function import Polynomial
from sysidentpy.model_structure_selection import FROLS

rng = np.random.default_rng(0)
u, y = rng.normal(size=(300, 1)), np.zeros((300, 1))
for t in range(2, 300):
    y[t] = 0.9 * y[t - 1] + 0.3 * u[t - 2] + 0.1 * rng.normal()
model = FROLS(order_selection=False, n_terms=2, ylag=1, xlag=2, basis_function=Polynomial(degree=1))
model.fit(X=u[:200], y=y[:200])
terms = dict(zip(model.final_model[:, 0].tolist(), model.theta.ravel().tolist()))  # 1001: y(t-1), 2002: u(t-2)
if set(terms) != {1001, 2002}:
    raise SystemExit(f"changed: another model, {terms}")
u, y, k, lag = u[200:], y[200:], 4, 2


def ahead(t, steps):
    """Row t from measurements up to t - steps."""
    value = y[t - steps, 0]
    for row in range(t - steps + 1, t + 1):
        value = terms[1001] * value + terms[2002] * u[row - 2, 0]
    return value


given = model.predict(X=u, y=y, steps_ahead=k)[:, 0]
rows = range(lag + k, 100)
as_said = np.array([ahead(t, k) for t in rows])
in_blocks = np.array([ahead(t, (t - lag) % k + 1) for t in rows])
error = lambda predicted: float(np.sqrt(np.mean((predicted - y[lag + k :, 0]) ** 2)))
print(f"RMS error {k} steps ahead: by the definition {error(as_said):.4f}, by predict {error(given[lag + k:]):.4f}")
print("first rows are the measurements:", np.array_equal(given[:lag], y[:lag, 0]))
if not np.allclose(given[lag + k :], in_blocks) or np.allclose(given[lag + k :], as_said) or not np.array_equal(given[:lag], y[:lag, 0]):
    raise SystemExit("changed: predict no longer takes up the measurements every k rows")
PY
