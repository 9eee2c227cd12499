#!/usr/bin/env bash
# jax 0.10.2: jnp.asarray of a numpy array compiles a program for every new shape and keeps it, as jnp.pad (two) and a slice of
# a jax array do. A stream whose history grows by a step a call compiles at every call, some 10 ms each, though nothing was
# jitted. jax.device_put of the same array compiles nothing. Help: cut and fill up in numpy, and hand over by device_put.
set -euo pipefail
work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "jax==0.10.2" "jaxlib==0.10.2" "numpy==2.4.6"
JAX_PLATFORMS=cpu "$work/venv/bin/python" - <<'PY'
import jax
import jax.numpy as jnp
import numpy as np

compiled = []
jax.monitoring.register_event_duration_secs_listener(lambda name, *_, **__: compiled.append(name) if "backend_compile" in name else None)
whole = jnp.zeros(100)


def count(work):
    work(3)
    before = len(compiled)
    for n in range(10, 30):
        work(n)
    return len(compiled) - before


found = {
    "jnp.asarray(numpy)": count(lambda n: jnp.asarray(np.zeros(n, np.float32))),
    "jax.device_put(numpy)": count(lambda n: jax.device_put(np.zeros(n, np.float32))),
    "jnp.pad": count(lambda n: jnp.pad(np.zeros(n, np.float32), (0, 100 - n))),
    "array[:n]": count(lambda n: whole[:n]),
}
print("programs compiled for 20 new lengths:", found)
if list(found.values()) != [20, 0, 40, 20]:
    raise SystemExit("changed: 20, 0, 40 and 20 were seen")
PY
