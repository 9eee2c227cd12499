"""torch.nn.Conv1d: a time-delay network is a stack of convolutions over time."""

from benchmarks.timing import Contestant
from benchmarks.torch_peer import from_kernel, kernel, learning, torch
from benchmarks.works import TAPS, Arrays, Work


def torch_conv(work: Work) -> Contestant:
    """Two convolutions that hear the past only; data in torch's own layout, (B, channels, T)."""
    t = torch()
    layers = {name: t.nn.Conv1d(work.units, work.units, TAPS) for name in ("hidden input", "output hidden")}
    with t.no_grad():
        for name, layer in layers.items():
            layer.weight.copy_(t.tensor(kernel(work.shared[name], TAPS)))
            layer.bias.copy_(t.tensor(work.shared[_bias(name)]))
    x, targets = (t.tensor(array.transpose(1, 2, 0).copy()) for array in (work.xs, work.targets))
    past = t.nn.ConstantPad1d((TAPS - 1, 0), 0.0)
    made = t.nn.Sequential(past, layers["hidden input"], t.nn.Tanh(), past, layers["output hidden"])

    def read() -> Arrays:
        weights = {name: from_kernel(layer.weight.grad.numpy()) for name, layer in layers.items()}
        return weights | {_bias(name): layer.bias.grad.numpy() for name, layer in layers.items()}

    return learning("torch.nn.Conv1d", made.parameters(), lambda: made(x), targets, read)


def _bias(name: str) -> str:
    return f"{name.split()[0]} bias"
