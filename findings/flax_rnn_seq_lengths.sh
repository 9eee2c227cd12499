#!/usr/bin/env bash
# flax 0.12.8, linen.RNN and nnx.RNN with seq_lengths: the cells run on over the padding and only the carry is chosen at the
# true end. So (1) outputs beyond a sequence's end are activities that heard padding, not zeros (torch's packed sequences and
# ONNX give zeros); (2) a sequence of length 0 ends in the carry after ALL the padding, not in the first carry; (3) NaN beyond
# the ends leaves valid outputs and the carry right and makes every gradient NaN.
set -euo pipefail
work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "flax==0.12.8" "jax==0.10.2" "jaxlib==0.10.2" "numpy==2.4.6"
JAX_PLATFORMS=cpu "$work/venv/bin/python" - <<'PY'
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

rnn = nn.RNN(nn.GRUCell(4), return_carry=True)
x = jax.random.normal(jax.random.key(0), (2, 6, 3))
weights = rnn.init(jax.random.key(1), x)
lengths = jnp.array([3, 6])
alone = rnn.apply(weights, x[:1, :3])
carry, outputs = rnn.apply(weights, x, seq_lengths=lengths)
np.testing.assert_allclose(carry[0], alone[0][0], atol=1e-6)

beyond = float(jnp.abs(outputs[0, 3:]).max())
print("largest output beyond the end of a sequence of 3:", beyond)
empty = rnn.apply(weights, x, seq_lengths=jnp.array([0, 6]))[0][0]
print("carry of a sequence of length 0:", empty, " of all 6 steps:", rnn.apply(weights, x)[0][0])
poisoned = x.at[0, 3:].set(jnp.nan)
valid = lambda w: rnn.apply(w, poisoned, seq_lengths=lengths)[1][0, :3].sum()
finite = [bool(jnp.isfinite(g).all()) for g in jax.tree.leaves(jax.grad(valid)(weights))]
print("NaN in the padding: loss", float(valid(weights)), " finite gradients:", sum(finite), "of", len(finite))
if beyond == 0 or not jnp.allclose(empty, rnn.apply(weights, x)[0][0]) or not np.isfinite(valid(weights)) or all(finite):
    raise SystemExit("changed: padding is treated otherwise than was seen")
PY
