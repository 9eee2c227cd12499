"""tsfast's NARX network in closed loop, its recurrence generated in C++ (`backend="c"`).

The first use of a size compiles it with the machine's C++ compiler (torch keeps the result); without compiler and ninja
tsfast would fall back to a Python loop, which is a peer of its own here.
"""

from typing import Any

from benchmarks.timing import Contestant
from benchmarks.torch_peer import from_kernel, kernel, learning, torch
from benchmarks.works import FEEDBACK, TAPS, Arrays, Work


def tsfast_narx(work: Work) -> Contestant:
    """The same network: one hidden tanh layer, a linear output, no washout; data in its own layout, (B, T, channels)."""
    t = torch()
    made = _model(work)
    layers = {"hidden input": made.conv_u, "hidden output": made.conv_y, "output hidden": made.head[-1]}
    taps = {"hidden input": TAPS, "hidden output": FEEDBACK, "output hidden": 1}
    biases = {"hidden bias": made.conv_u.bias, "output bias": made.head[-1].bias}
    with t.no_grad():
        for name, layer in layers.items():
            layer.weight.copy_(t.tensor(kernel(work.shared[name], taps[name])))
        for name, bias in biases.items():
            bias.copy_(t.tensor(work.shared[name]))
    u, targets = (t.tensor(array.transpose(1, 0, 2).copy()) for array in (work.xs, work.targets))
    x = t.cat([u, t.zeros_like(targets)], 2)  # the channels of measured outputs, which a washout of 0 never reads

    def read() -> Arrays:
        weights = {name: from_kernel(layer.weight.grad.numpy()) for name, layer in layers.items()}
        return weights | {name: bias.grad.numpy() for name, bias in biases.items()}

    return learning("tsfast NarxMLP, C", made.parameters(), lambda: made(x), targets, read)


def _model(work: Work) -> Any:
    try:
        from tsfast.models import NarxMLP
        from tsfast.models.architectures.narx import backend_c
    except ModuleNotFoundError as error:
        raise SystemExit("this table needs tsfast as its peer: pip install '.[peers]'") from error
    if not backend_c.is_available():
        raise SystemExit("tsfast cannot compile its C backend: it needs a C++ compiler and ninja")
    sizes = (work.xs.shape[-1], work.targets.shape[-1])
    return NarxMLP(*sizes, na=FEEDBACK, nb=TAPS, hidden_size=work.units, num_layers=1, washout=0, backend="c")
