"""The wiring: what is refused, in which words, and that JSON brings it back."""

from typing import Any

import jax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import throughtime as tt
import zoo
from throughtime import Connection, Layer, LearnedDelays, Network, graph, units
from throughtime.engine.schedule import start_rows
from throughtime.network.shapes import shapes
from wirings import wirings


def layer(name: str, *heard: Any, size: Any = 2, unit: Any = units.tanh, **rest: Any) -> Layer:
    return Layer(name, size, unit, heard, **rest)


def net(*layers: Layer, inputs: Any = 2, output: str = "y") -> Network:
    return Network(inputs, layers, output)


REFUSED: dict[str, tuple[Any, str]] = {
    "loop without delay": (
        lambda: net(layer("a", "input", "y"), layer("y", "a")),
        r"loop .*(a -> y|y -> a).* no delay",
    ),
    "own loop without delay": (lambda: net(layer("y", "input", "y")), r"loop y -> y has no delay"),
    "loop of both directions": (
        lambda: net(layer("a", "input", Connection("y", 1), backward=True), layer("y", "a")),
        r"loop .*a.* joins forward and backward",
    ),
    "unknown source": (lambda: net(layer("y", "inputs")), r"layer 'y', connection 'inputs'.*there are input, y"),
    "unknown output": (lambda: net(layer("a", "input")), r"output 'y' is not a layer; layers: a"),
    "output is an input": (lambda: net(layer("a", "input"), output="input"), r"output 'input' is not a layer"),
    "two names alike": (lambda: net(layer("y", "input"), layer("y", "input")), r"two parts .* 'y'"),
    "input named like a layer": (lambda: net(layer("input", "input"), output="input"), r"two parts .* 'input'"),
    "nameless layer": (lambda: net(layer("", "input"), output=""), r"name of an input or a layer must be text"),
    "no input": (lambda: net(layer("y", "y"), inputs={}), r"at least one input"),
    "unused layer": (
        lambda: net(layer("a", "input"), layer("y", "input")),
        r"no path leads from layer 'a' to the output 'y'",
    ),
    "unused input": (lambda: net(layer("y", "u"), inputs={"u": 1, "v": 1}), r"no layer listens to input 'v'"),
    "input of size 0": (lambda: net(layer("y", "x"), inputs={"x": 0}), r"input 'x': size .* at least 1, not 0"),
    "layer of size 0": (lambda: layer("y", "input", size=0), r"layer 'y': size .* at least 1, not 0"),
    "layer of size 1.5": (lambda: layer("y", "input", size=1.5), r"layer 'y': size .*1.5"),
    "layer of size True": (lambda: layer("y", "input", size=True), r"layer 'y': size .*True"),
    "layer that hears nothing": (lambda: layer("y"), r"layer 'y' listens to nothing"),
    "negative delay": (lambda: Connection("input", -1), r"connection from 'input': a delay .* at least 0, not -1"),
    "half a delay": (lambda: Connection("input", (0, 0.5)), r"connection from 'input': a delay .*0.5"),
    "no delay": (lambda: Connection("input", ()), r"connection from 'input': delays must be one or more"),
    "same delay twice": (lambda: Connection("input", (1, 1)), r"connection from 'input': delays must be .*different"),
    "unknown weight": (lambda: Connection("input", weight="full"), r"connection from 'input': weight must be .*'full'"),
    "dropout of 1": (lambda: Connection("input", dropout=1.0), r"connection from 'input': dropout .* below 1, not 1.0"),
    "dropout below 0": (lambda: Connection("input", dropout=-0.1), r"connection from 'input': dropout"),
    "reserved name": (lambda: Connection("input", name="bias"), r"the name 'bias' is reserved"),
    "reserved source": (lambda: Connection("start"), r"the name 'start' is reserved"),
    "two connections alike": (
        lambda: layer("y", "input", Connection("input", 1)),
        r"layer 'y' has two connections known as 'input'.*name=",
    ),
    "identity of unequal sizes": (
        lambda: net(layer("y", Connection("input", weight="identity"), size=3)),
        r"layer 'y', connection 'input'.*'input' has 2 units and 'y' has 3",
    ),
    "diagonal of unequal sizes": (
        lambda: net(layer("y", Connection("input", weight="diagonal"), size=3)),
        r"layer 'y', connection 'input'.*diagonal",
    ),
    "unknown net input": (
        lambda: layer("y", Connection("input", nets="gate"), unit=units.lstm),
        r"layer 'y', connection 'input': unit 'lstm' has no net input 'gate'; it has input, forget, output, cell",
    ),
    "bias of an unknown net input": (lambda: layer("y", "input", bias=("gate",)), r"layer 'y', bias.*'gate'"),
    "unknown unit": (lambda: layer("y", "input", unit="tan"), r"unknown unit 'tan'; known: .*tanh"),
    "unknown start": (lambda: layer("y", "input", start="random"), r"layer 'y': start must be .*'random'"),
    "learned start without history": (
        lambda: net(layer("y", "input", start="learned")),
        r"layer 'y' has no history, so start='learned'",
    ),
    "learned start heard in the other direction only": (
        lambda: net(layer("a", "input", start="learned"), layer("y", Connection("a", 1), backward=True)),
        r"layer 'a' has no history",
    ),
    "nameless connection": (lambda: Connection("input", name=3), r"connection from 'input': the names .* not 3"),
    "direction that is none": (
        lambda: layer("y", "input", backward="no"),
        r"layer 'y': backward must be True or False",
    ),
    "learned delays that are half": (lambda: LearnedDelays(1.5), r"LearnedDelays: maximum .* not 1.5"),
    "learned delays of a heat without end": (lambda: LearnedDelays(2, temperature=10**400), r"temperature above 0"),
    "learned delays upside down": (lambda: LearnedDelays(1, minimum=2), r"LearnedDelays .*2 and 1"),
    "learned delays without temperature": (lambda: LearnedDelays(2, temperature=0), r"temperature above 0, not 0"),
    "tdnn with a set too few": (lambda: tt.tdnn(1, 2, 1, [(0, 1)]), r"tdnn .* 2 layers.* got 1"),
    "context of an unfit unit": (lambda: units.context(units.lstm), r"'lstm' is not one"),
    "open loop without a loop": (lambda: tt.feedforward(1, 2, 1).open_loop(), r"'output'.*no loop to open"),
    "open loop opened again": (lambda: tt.jordan(1, 2, 1).open_loop().open_loop(), r"open already"),
    "closed loop closed": (lambda: tt.jordan(1, 2, 1).close_loop(), r"only an open loop can be closed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_refused_and_named(name: str) -> None:
    make, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("network", [pytest.param(n, id=name) for name, n in zoo.NETWORKS.items()])
def test_json_brings_every_network_back(network: Network) -> None:
    again = tt.from_json(network.to_json(), zoo.OWN_UNITS)
    assert again == network
    assert hash(again) == hash(network)
    assert again.to_json() == network.to_json()


def test_json_of_a_unit_of_ones_own_needs_that_unit() -> None:
    text = zoo.NETWORKS["own coupled unit"].to_json()
    with pytest.raises(ValueError, match=r"unknown unit 'competition'.*units="):
        tt.from_json(text)


@settings(max_examples=100)
@given(wirings(backward=True))
def test_json_brings_random_wirings_back(network: Network) -> None:
    assert tt.from_json(network.to_json()) == network


@st.composite
def graphs(draw: Any) -> dict[str, list[str]]:
    names = [f"n{i}" for i in range(draw(st.integers(1, 7)))]
    return {name: draw(st.lists(st.sampled_from(names), max_size=3)) for name in draw(st.permutations(names))}


@settings(max_examples=200)
@given(graphs())
def test_components_are_nodes_that_reach_each_other_sources_first(edges: dict[str, list[str]]) -> None:
    reach = {node: graph.reachable(edges, node) for node in edges}
    alike = {node: tuple(n for n in edges if n == node or (n in reach[node] and node in reach[n])) for node in edges}
    found = graph.strong_components(edges)
    assert sorted(found) == sorted(set(alike.values()))
    place = {node: at for at, members in enumerate(found) for node in members}
    assert all(place[source] <= place[node] for node, sources in edges.items() for source in sources)


def test_components_of_a_long_chain_take_little_time() -> None:
    edges = {f"{n}": [f"{n - 1}"] if n else [] for n in range(20_000)}
    assert graph.strong_components(edges) == tuple((name,) for name in edges)


@pytest.mark.parametrize(
    "text",
    ["", "{", "3", "[]", "{}", '{"layers": 3}', '{"layers": [{"unit": []}]}', pytest.param("[" * 10**5, id="deep")],
)
def test_text_that_is_no_wiring_is_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be read|Expecting") as error:
        tt.from_json(text)
    assert "\n" not in str(error.value)


def test_networks_that_differ_are_not_equal() -> None:
    """The negative control of the round trip; also, no two rows of the zoo are the same network."""
    made = list(zoo.NETWORKS.values())
    assert len(set(made)) == len(made)


def test_opening_and_closing_the_loop_are_inverse() -> None:
    for name in ("jordan", "jordan start", "narx", "narx gaps", "narx start"):
        closed = zoo.NETWORKS[name]
        if name not in ("jordan start", "narx start"):  # a learned a(0) belongs to the closed loop
            opened = closed.open_loop()
            assert opened != closed
            assert opened.close_loop() == closed
            assert tt.from_json(opened.to_json()) == opened


def test_short_forms_are_the_long_ones() -> None:
    short = Network(2, [Layer("y", 1, "tanh", "input")], "y")  # type: ignore[arg-type]
    assert short == Network((("input", 2),), (Layer("y", 1, units.tanh, (Connection("input", (0,)),)),), "y")


@pytest.mark.parametrize(("nets", "words"), [(("input", "input"), "named twice"), ((), "feeds no net input")])
def test_nets_are_named_once_and_not_none(nets: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Layer("h", 2, tt.units.lstm, ["x", Connection("h", 1, nets=nets)])


def test_an_open_loop_cannot_have_a_learned_start() -> None:
    with pytest.raises(ValueError, match="open loop is given its past: use start='zero'"):
        tt.jordan(1, 2, 1, start="learned").open_loop()


def hears(network: Network, name: str, source: str, seen: frozenset[str] = frozenset()) -> bool:
    """True if a path leads from the source to the layer, by trying them all."""
    if name not in network.by_name or name in seen:
        return False
    heard = {c.source for c in network.by_name[name].connections}
    return source in heard or any(hears(network, other, source, seen | {name}) for other in heard)


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_dropped_is_what_comes_from_layers_below_and_nothing_within_a_loop(name: str) -> None:
    network = zoo.NETWORKS[name]
    made = network.with_dropout(0.25)
    for old, new in zip(network.layers, made.layers, strict=True):
        for before, after in zip(old.connections, new.connections, strict=True):
            below = before.source in network.by_name and not hears(network, before.source, old.name)
            assert after.dropout == (0.25 if below else before.dropout)
            assert after == Connection(**{**vars(before), "dropout": after.dropout})
    assert made.with_dropout(0.0) == (network if name != "dropout" else network.with_dropout(0.0))


def test_a_network_runs_backward_if_one_of_its_layers_does() -> None:
    assert tt.lstm(1, 2, 1, bidirectional=True).backward
    assert not tt.lstm(1, 2, 1).backward


def test_dropout_of_stacked_layers_that_run_both_ways() -> None:
    network = tt.lstm(2, [3, 3], 2, bidirectional=True).with_dropout(0.25)
    dropped = {(m.name, c.key) for m in network.layers for c in m.connections if c.dropout}
    both = ("hidden1", "hidden1 backward"), ("hidden2", "hidden2 backward")
    assert dropped == {(m, c) for m in both[1] for c in both[0]} | {("output", c) for c in both[1]}
    with pytest.raises(ValueError, match="dropout must be at least 0 and below 1, not 1"):
        network.with_dropout(1.0)


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_a_network_shows_in_one_short_line_and_is_compared_whole(name: str) -> None:
    network = zoo.NETWORKS[name]
    shown = repr(network)
    assert shown.isprintable()
    assert len(shown) < 200
    assert shown.endswith(f"; {sum(leaf.size for leaf in jax.tree.leaves(tt.init(network, 0)))} weights>")
    for own in network.layers:
        rows = shapes(network)[own.name].get("start", {}).get("activity", (0,))[0]
        assert rows == (start_rows(network, own) if own.start == "learned" else 0)


def test_networks_that_show_alike_are_not_taken_for_one_another() -> None:
    near, far = tt.narx(1, 3, 1, (0, 1), 1), tt.narx(1, 3, 1, (0, 2), 1)
    assert repr(near) == repr(far) == "<Network: input 1, hidden 3 tanh, output 1 linear; 16 weights>"
    assert near != far
    assert len({near, far}) == 2
    assert "\\x1b" in repr(net(layer("\x1b", "input"), output="\x1b"))


def test_a_model_shows_without_its_weights() -> None:
    network, column = tt.elman(1, 3, 1), tt.Column("y\x1b", 0.0, 1.0)
    model = tt.Model(network, tt.init(network, 0), outputs=(column,))
    assert repr(model) == f"<Model: {network!r}; nothing -> y\\x1b>"
    assert repr(tt.Model(network, {}, members=3)) == f"<Model: 3 members of {network!r}>"
    assert repr(tt.DynamicModel(network, restarts=2)) == f"<DynamicModel: {network!r}, 2 restarts; not fitted>"
