"""The equations of a linear model, as `show` prints them."""

from throughtime.dynamics.beginning import is_linear, linears_of
from throughtime.models.ensemble import Ensemble
from throughtime.models.model import Model


def equations(made: Model) -> list[str]:
    """What a linear model says, of each of its networks; nothing of another."""
    together, lines = Ensemble.of(made).closed(), list[str]()
    if not is_linear(together.network):
        return []
    inputs, outputs = ([column.name for column in side] for side in (together.inputs, together.outputs))
    found = linears_of(together)
    for number, linear in enumerate(found, 1):
        if len(found) > 1:
            lines.append(f"network {number} of {len(found)}, whose mean is the answer:")
        lines += linear.equations(inputs, outputs)
        ends = "settles" if linear.pole < 1 else "grows without end"
        lines.append(f"largest pole {linear.pole:.4g}: a free run {ends}")
    return ["", *lines]
