#!/usr/bin/env bash
# optax 0.2.8: ctc_loss of a string that has no alignment (two equal labels in two steps need a third for the blank) is
# about 1e5, not infinite, with a small finite gradient, so training goes on as if nothing were wrong; torch.nn.CTCLoss says
# inf. A label beyond the classes is not refused and scored as another one. And a string that is nearly certain has a negative
# log-likelihood below zero in float32 (-8.3e-08; the true value is 1.7e-15), so that its logarithm is NaN.
set -euo pipefail
work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "optax==0.2.8" "jax==0.10.2" "jaxlib==0.10.2" "numpy==2.4.6"
JAX_PLATFORMS=cpu "$work/venv/bin/python" - <<'PY'
import jax.numpy as jnp
import optax

logits = jnp.zeros((1, 2, 2)).at[:, :, 1].set(17.0)  # one sequence of two steps; class 1 nearly certain, class 0 is the blank
steps = jnp.zeros((1, 2))


def loss(*labels):
    return float(optax.ctc_loss(logits, steps, jnp.array([labels]), jnp.zeros((1, len(labels))))[0])


impossible, certain, beyond = loss(1, 1), loss(1), loss(9)
print("no alignment:", impossible, " nearly certain:", certain, " label 9 of 2 classes:", beyond)
if not 9e4 < impossible < 1.1e5:
    raise SystemExit("changed: a string without an alignment is no longer about 1e5")
if not -1e-6 < certain < 0:
    raise SystemExit("changed: a nearly certain string is no longer below zero")
if beyond != certain:
    raise SystemExit("changed: a label beyond the classes is no longer scored as the last class")
PY
