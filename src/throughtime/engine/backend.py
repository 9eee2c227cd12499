"""What an engine does for the passes: one set of signatures, under which the reference (`xla`) and every other one stand.

    step_through   a loop, or a layer in none, forward through time
    sweep_back     K rows of errors back through the time of a loop
    pull           errors back through one connection, all steps at once
    gradients      dL/dW of one layer, all steps at once

Everything is in the layers' own time: a backward layer's first step is each sequence's last. Shapes as in `tape` and `sweep`.
A backend is a module with these names. The numbers of all are those of `xla`, up to rounding.
"""

from typing import Any, NamedTuple, Protocol

from jax import Array

from throughtime.engine.effective import Weights
from throughtime.engine.schedule import Component, depths
from throughtime.engine.tape import Arrays, Tape
from throughtime.network import Connection, Layer, Network


class Loop(NamedTuple):
    """Layers that run together, and what is fixed when they do: T, B, and the type they compute in."""

    network: Network
    component: Component
    steps: int
    batch: int
    dtype: Any

    @property
    def layers(self) -> tuple[Layer, ...]:
        """In the order of their connections without delay."""
        return self.component.layers

    def depth(self, source: str) -> int:
        """The rows of a source's past that come first."""
        return depths(self.network, self.component.backward)[source]


class Given(NamedTuple):
    """What a pass has when it comes to a loop.

    weights  those that act (`effective`)
    tape     forward: what the loop hears from outside, and the dropout masks; backward: what the pass left behind
    lengths  (B,); what lies beyond them is not looked at, and may be NaN
    inside   (T, B) which steps lie within them
    loose    backward: beyond `lengths` nobody looks at deltas, which then need not be 0
    """

    weights: Weights
    tape: Tape
    lengths: Array | None
    inside: Array | None
    loose: bool = False

    def mask(self, layer: Layer, connection: Connection) -> Array | None:
        """(B, S): what of a connection's taps is kept; None: everything."""
        return self.tape.dropout.get(layer.name, {}).get(connection.key)


class First(NamedTuple):
    """What was before a loop's first step: past {layer: (D, B, N)} where D > 0, memory {layer: (B, M, N)} where there is one."""

    past: Arrays
    memory: Arrays


class Stepped(NamedTuple):
    """What a loop did; of layers in no loop without the memories. Untaped, only `full` and `after` need be there.

    full    {layer: (D + T, B, N)} its past, then its activities, 0 beyond each sequence's end
    nets    {layer: (T, B, nets, N)}
    gates   the same: what the units made of them, where this backend's sweep wants it
    before  {layer: (T, B, M, N)} the memory before each step
    after   {layer: (B, M, N)} the memory after each sequence's last step
    """

    full: Arrays
    nets: Arrays
    gates: Arrays
    before: Arrays
    after: Arrays


class Swept(NamedTuple):
    """What K rows of errors came to; 0 beyond each sequence's end (where `loose`, deltas and activity may be anything there).

    deltas    {layer: (T, K, B, nets, N)} dL/dnet
    activity  {layer: (T, K, B, N)} dL/da, with what came around the loop
    past      [(layer, (D', K, B, N))] dL/d the last D' rows before the first step, in parts that add up
    memory    {layer: (K, B, M, N)} dL/d the memory before the first step
    """

    deltas: Arrays
    activity: Arrays
    past: list[tuple[str, Array]]
    memory: Arrays


class Backend(Protocol):
    """An engine."""

    NAME: str

    def takes(self, loop: Loop) -> bool:
        """Whether it runs that loop, forward and back; the rest it does for every layer."""

    def step_through(self, loop: Loop, given: Given, first: First, taped: bool = True) -> Stepped:
        """Run a loop, or a layer in none, over all steps; `taped`: a sweep will follow, or somebody will look."""

    def sweep_back(self, loop: Loop, given: Given, errors: Arrays, later: Arrays) -> Swept:
        """Send errors back through a loop that is stepped.

        errors  {layer: (T, K, B, N)} at activities; of one layer at least, the others have none
        later   {layer: (K, B, M, N)} at the memory after the last step, of each layer that has one
        """

    def pull(self, network: Network, layer: Layer, connection: Connection, given: Given, delta: Array) -> Array:
        """(D + T, K, B, S): what deltas (T, K, B, nets, N) send through a connection to its source."""

    def gradients(self, network: Network, layer: Layer, tape: Tape, delta: Array, lengths: Array | None) -> Arrays:
        """{connection: dL/dW, "bias": dL/db} from deltas (T, B, nets, N), which are not looked at beyond `lengths`."""
