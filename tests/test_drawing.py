"""Drawings: they say what the wiring is, count the weights there are, and can be made of any wiring."""

from pathlib import Path

import jax
import pytest
from matplotlib.figure import Figure

import throughtime as tt
from throughtime import architectures as zoo
from throughtime import units
from throughtime.drawing import facts, picture, show, weight_count
from throughtime.drawing.layout import plan
from throughtime.drawing.picture import draw
from throughtime.network import Connection, Layer, LearnedDelays, Network

WILD = Network(
    {"u": 2, "v": 1},
    (
        Layer("y", 1, units.linear, ("d", "c", Connection("u", dropout=0.1))),
        Layer("a", 3, units.tanh, ("u", Connection("b", (1, 3)), Connection("c", 2))),
        Layer("b", 4, units.lstm, ("a", Connection("b", 1, LearnedDelays(4)), Connection("u", name="skip"))),
        Layer("c", 3, units.relu, (Connection("a", 1), Connection("v", range(4)), Connection("c", 1, "diagonal"))),
        Layer("d", 2, units.logistic, ("b", "c", "u"), bias=False),
    ),
    "y",
)
COLUMNS = {
    "u, y": (tt.narx(1, 2, 1), ["u"], ["y"], {"input": ("u",), "output": ("y",)}),
    "in the open": (
        tt.narx(1, 2, 1).open_loop(),
        ["u"],
        ["y"],
        {"input": ("u",), "measured output": ("y",), "output": ("y",)},
    ),
    "a series": (tt.narx(0, 2, 1), [], ["y"], {"output": ("y",)}),
    "several": (
        zoo.feedforward({"a": 2, "b": 1}, 2, 2),
        ["u", "v", "w"],
        ["y", "z"],
        {"a": ("u", "v"), "b": ("w",), "output": ("y", "z")},
    ),
    "none": (tt.narx(1, 2, 1), [], [], {}),
}
WIRINGS = {
    "feedforward": zoo.feedforward({"u1": 1, "u2": 2}, [5, 4], 2),
    "window": zoo.window(2, 5, 1, 8),
    "jordan": zoo.jordan(1, 3, 1),
    "jordan, learned start": zoo.jordan(1, 3, 1, start="learned"),
    "elman": zoo.elman(1, [4, 4], 1),
    "fully recurrent": zoo.fully_recurrent(2, 8, 1, start="learned"),
    "narx": zoo.narx(1, [10, 5], 2, range(51), range(1, 51)),
    "narx, open": zoo.narx(1, 10, 1).open_loop(),
    "tdnn": zoo.tdnn(3, [8, 6], 2, [range(3), (0, 2, 4), (0, 5, 10, 20)]),
    "focused": zoo.focused(2, 6, 1),
    "lstm": zoo.lstm(1, [6, 6], 1, start="learned", bidirectional=True),
    "gru": zoo.gru(1, 6, 1, bidirectional=True),
    "ntm": tt.ntm(2, 5, 1, slots=6, width=4),
    "ntm, feedforward": tt.ntm(2, 5, 1, slots=6, width=4, controller=units.tanh),
    "wild": WILD,
}
every_wiring = pytest.mark.parametrize("network", WIRINGS.values(), ids=WIRINGS)


@every_wiring
def test_the_weights_counted_are_the_weights_there_are(network: Network) -> None:
    weights = jax.eval_shape(lambda: tt.init(network, 0))
    assert weight_count(network) == sum(leaf.size for leaf in jax.tree.leaves(weights))
    assert f"{weight_count(network)} weights to learn" in show(network)


@every_wiring
def test_text_is_made_of_whole_boxes_with_every_connection(network: Network) -> None:
    lines = show(network).split("\n")
    boxes = [line for line in lines if line[0] in "╭│╰"]
    assert len({len(line) for line in boxes}) == 1
    connections = sum(len(layer.connections) for layer in network.layers)
    extra = sum(bool(layer.biased) + (layer.start == "learned") for layer in network.layers)
    assert sum(line.startswith("│") for line in boxes) == connections + extra
    for name, size in network.sizes.items():
        assert any(f"{name} · {size}" in line for line in lines)


@every_wiring
def test_pictures_have_boxes_that_do_not_overlap_and_arrows_that_end_at_them(network: Network, tmp_path: Path) -> None:
    draw(network, tmp_path / "wiring.png")
    assert (tmp_path / "wiring.png").read_bytes().startswith(b"\x89PNG")
    made = plan(network, picture.label, legend=0.5)
    boxes = list(made.boxes.values())
    for i, one in enumerate(boxes):
        assert 0 < one.x - one.width / 2 < one.x + one.width / 2 < made.width
        assert 0 < one.bottom < one.top < made.height
        for other in boxes[i + 1 :]:
            apart = abs(one.x - other.x) >= (one.width + other.width) / 2
            assert apart or one.top <= other.bottom or other.top <= one.bottom
    for arrow in made.arrows:
        (x0, y0), (x1, y1) = arrow.points[0], arrow.points[-1]
        assert y0 == pytest.approx(arrow.source.top)
        assert y1 == pytest.approx(arrow.target.bottom)
        assert abs(x0 - arrow.source.x) < arrow.source.width / 2
        assert abs(x1 - arrow.target.x) < arrow.target.width / 2


def test_loops_are_marked_and_only_loops() -> None:
    in_loop = facts.loop_test(WILD)
    marked = {(layer.name, c.key) for layer in WILD.layers for c in layer.connections if in_loop(layer, c)}
    assert marked == {("a", "b"), ("a", "c"), ("b", "a"), ("b", "b"), ("c", "a"), ("c", "c")}
    assert show(WILD).count("↺") == len(marked) + 1  # and once in the summary
    assert "↺" not in show(WIRINGS["tdnn"])


def test_sources_are_drawn_below_their_listeners_unless_they_feed_back() -> None:
    assert [layer.name for layer in facts.flow(WILD)] == ["a", "b", "c", "d", "y"]
    assert [layer.name for layer in facts.flow(WIRINGS["narx"])] == ["hidden1", "hidden2", "output"]


def test_delays_are_named_in_the_time_they_are_heard() -> None:
    text = show(WIRINGS["lstm"])
    assert "t-1" in text
    assert "t+1" in text
    assert "t-1 ... t-50" in show(WIRINGS["narx"])
    assert "t, t-5 ... t-20 (4 delays)" in show(WIRINGS["tdnn"])
    layer = WIRINGS["tdnn"].layers[0]
    assert picture.label(layer, layer.connections[0]) == "z⁰ z⁻¹ z⁻²"


def test_axes_can_be_drawn_into() -> None:
    axes = Figure().subplots()
    draw(WIRINGS["jordan"], axes)
    assert {"hidden", "output", "input"} <= {text.get_text() for text in axes.texts}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_stand_at_the_inputs_and_at_the_output(name: str) -> None:
    network, inputs, outputs, wanted = COLUMNS[name]
    assert facts.column_names(network, inputs, outputs) == wanted
    said = show(network, inputs, outputs).split("\n")
    drawn = plan(network, picture.label, 0.0, facts.column_names(network, inputs, outputs)).boxes
    for place, own in wanted.items():
        assert any(place in line and f": {', '.join(own)}" in line for line in said)
        assert drawn[place].subtitle.endswith(f": {', '.join(own)}")
    if not wanted:
        assert show(network, inputs, outputs) == show(network)


def test_many_long_names_of_columns_are_told_in_short() -> None:
    names = [f"the {n}th column of a very wide table" for n in range(9)]
    said = facts.listed("9 values", names)
    assert (
        said
        == "9 values: the 0th column of a v..., the 1th column of a v..., the 2th column of a v... ... the 8th column of a v..."
    )
    assert facts.listed("1 value", ["x" * 99]) == f"1 value: {'x' * 21}..."
