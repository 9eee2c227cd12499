"""Features of pen trajectories, against a walk along each drawing, point by point."""

import json

import numpy as np
import pytest

from throughtime.features.pen import PenChanges, PenFeatures, in_heights, in_usual_heights, pen_input


def drawings(number: int = 7) -> list[np.ndarray]:
    """Scribbles of several strokes, some with points that stand still."""
    rng = np.random.default_rng(3)
    made = []
    for _ in range(number):
        count = int(rng.integers(3, 30))
        points = np.cumsum(rng.integers(-20, 30, (count, 2)), axis=0) + rng.integers(0, 1000, 2)
        points[count // 2] = points[count // 2 - 1]
        ends = (rng.random(count) < 0.2).astype(float)
        ends[-1] = 1
        made.append(np.column_stack([points, ends]))
    return made


def naive(drawing: np.ndarray, count: int, widest: float = 4.0) -> np.ndarray:
    """The features of one drawing, by walking along it."""
    width, height = np.ptp(drawing[:, :2], axis=0)
    size = max(height, width / widest)
    points = drawing[:, :2] / size
    pieces = [
        (points[i], points[i + 1], np.hypot(*(points[i + 1] - points[i])), drawing[i, 2])
        for i in range(len(points) - 1)
    ]
    long = sum(piece[2] for piece in pieces)

    def at(way: float) -> tuple[np.ndarray, float]:
        flown = 0.0
        for start, stop, step, air in pieces:
            if way <= step and step > 0:
                return start + (stop - start) * way / step, flown + way * air
            way, flown = way - step, flown + step * air
        return points[-1], flown

    found = [at(long * k / (count - 1)) for k in range(count)]
    seen = np.array([p for p, _ in found])
    steps = [seen[k] - seen[k - 1] for k in range(1, count)]
    directions = [steps[0], *steps]
    rows = []
    for k, (x, y) in enumerate(seen - seen.mean(axis=0)):
        d = directions[k] / np.hypot(*directions[k])
        air = (found[k][1] - found[k - 1][1]) / (long / (count - 1)) if k else 0.0
        angle = 0.0
        if k + 1 < count:
            angle = np.arctan2(*directions[k + 1][::-1]) - np.arctan2(*directions[k][::-1])
        rows.append([x, y, *d, air, np.sin(angle), np.cos(angle), np.log(long), np.log(width / height)])
    return np.array(rows)


def test_features_are_those_of_a_walk_along_each_drawing() -> None:
    given = drawings()
    made = PenFeatures(points=17)(given)
    for drawing, seen in zip(given, made, strict=True):
        np.testing.assert_allclose(seen, naive(drawing, 17), atol=2e-5)
    assert 0 < max(seen[:, 4].max() for seen in made) <= 1


def test_a_point_per_spacing_within_limits() -> None:
    given = drawings()
    seen = PenFeatures(points=None, spacing=0.1, least=20, most=60)(given)
    for drawing, x in zip(given, seen, strict=True):
        wanted = np.clip(round(float(np.exp(x[0, 7])) / 0.1) + 1, 20, 60)
        assert abs(len(x) - wanted) <= 1
        np.testing.assert_allclose(x, naive(drawing, len(x)), atol=2e-5)


def test_kept_points_are_those_of_the_drawing() -> None:
    given = drawings()
    for drawing, seen in zip(given, PenFeatures(kept=True)(given), strict=True):
        size = max(np.ptp(drawing[:, 1]), np.ptp(drawing[:, 0]) / 4)
        steps = np.diff(drawing[:, :2], axis=0)
        np.testing.assert_allclose(seen[:, :2], (drawing[:, :2] - drawing[:, :2].mean(0)) / size, atol=1e-5)
        np.testing.assert_allclose(seen[1:, 2:4] * np.hypot(*steps.T)[:, None], steps, atol=1e-4)
        np.testing.assert_array_equal(seen[:, 4], [0, *drawing[:-1, 2]])
    square = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1]]
    (kept,), (as_many,) = PenFeatures(kept=True)([square]), PenFeatures(points=4)([square])
    np.testing.assert_allclose(kept, as_many, atol=1e-6)  # they are equally far apart already


def test_a_boxed_drawing_fills_a_square_and_its_steps_are_in_it() -> None:
    given = drawings()
    for drawing, seen in zip(given, PenFeatures(kept=True, boxed=True, columns=("dy", "x", "y"))(given), strict=True):
        low, high = drawing[:, :2].min(0), drawing[:, :2].max(0)
        np.testing.assert_allclose(seen[:, 1:], (drawing[:, :2] - low) / (high - low) - 0.5, atol=1e-6)
        np.testing.assert_allclose(seen[1:, 0], np.diff(drawing[:, 1]) / (high - low)[1], atol=1e-6)
        assert seen[0, 0] == 0
    for wide, usual in zip(*(PenFeatures(points=9, boxed=boxed)(given) for boxed in (True, False)), strict=True):
        low, high = usual[:, :2].min(0), usual[:, :2].max(0)  # the points are found before the drawing is stretched
        np.testing.assert_allclose(wide[:, :2], (usual[:, :2] - low) / (high - low) - 0.5, atol=1e-5)
        np.testing.assert_array_equal(wide[:, [4, 7, 8]], usual[:, [4, 7, 8]])
    (line,) = PenFeatures(points=3, boxed=True)([[[0, 7, 0], [8, 7, 1]]])
    np.testing.assert_allclose(line[:, :2], [[-0.5, 0], [0, 0], [0.5, 0]], atol=1e-6)


def test_place_and_size_do_not_matter_and_order_of_drawings_neither() -> None:
    given = drawings()
    features = PenFeatures(points=12)
    moved = [d * [3, 3, 1] + [100, -50, 0] for d in given]
    for a, b, c in zip(features(given), features(moved), reversed(features(given[::-1])), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
        np.testing.assert_allclose(a, c, atol=1e-5)


def test_a_dot_and_a_flat_line_have_features() -> None:
    dot, line = [[5, 5, 0], [5, 5, 1]], [[0, 0, 0], [8, 0, 1]]
    seen = PenFeatures(points=4)([dot, line])
    assert np.isfinite(np.concatenate(seen)).all()
    np.testing.assert_array_equal(seen[0][:, :5], 0)
    np.testing.assert_allclose(np.ptp(seen[1][:, 0]), 4, atol=1e-6)  # a line is no wider than `widest` heights


def test_settings_repeat_the_features() -> None:
    features, (drawing, *_) = PenFeatures(points=None, spacing=0.3, least=10), drawings()
    np.testing.assert_array_equal(pen_input(drawing, features.settings), features([drawing])[0])
    few = PenFeatures(points=5, boxed=True, columns=("x", "dx"))
    np.testing.assert_array_equal(pen_input(drawing, json.loads(json.dumps(few.settings))), few([drawing])[0])
    assert pen_input(drawing, {"kind": "pen", "points": 5}).shape == (5, 9)  # as files of earlier versions have it
    with pytest.raises(ValueError, match="these features are not of pen points, but of kind 'mfcc'"):
        pen_input(drawing, {"kind": "mfcc"})


def test_changes_are_the_matrix_that_was_drawn_and_repeat_with_their_seed() -> None:
    given = drawings()
    for changes in (PenChanges(bend=0), PenChanges(turn=0, slant=0, stretch=0, bend=0)):
        made = changes(given, np.random.default_rng(1))
        for drawing, other in zip(given, made, strict=True):
            np.testing.assert_array_equal(drawing[:, 2], other[:, 2])
            before, after = (np.column_stack([d[:, :2], np.ones(len(d))]) for d in (drawing, other))
            matrix, *_ = np.linalg.lstsq(before, after, rcond=None)
            np.testing.assert_allclose(before @ matrix, after, atol=1e-5)
    for a, b in zip(PenFeatures(points=9)(given), PenFeatures(points=9)(made), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    bent = PenChanges(turn=0, slant=0, stretch=0, bend=0.05)(given, np.random.default_rng(1))
    moved = np.concatenate(bent)[:, :2] - np.concatenate(made)[:, :2]
    assert 0.005 < moved.std() < 0.1
    for a, b in zip(bent, PenChanges(0, 0, 0, 0.05)(given, np.random.default_rng(1)), strict=True):
        np.testing.assert_array_equal(a, b)


def sizes(given: list[np.ndarray], widest: float = 4.0) -> np.ndarray:
    return np.array([max(np.ptp(d[:, 1]), np.ptp(d[:, 0]) / widest) for d in given])


def test_usual_heights_are_the_median_of_each_writer_and_the_device_does_not_matter() -> None:
    given, who = drawings(), ["ann", "bob", "ann", "ann", "bob", "ann", "bob"]
    seen = np.concatenate(PenFeatures(points=4, columns=("size",))(in_usual_heights(given, who))).reshape(7, 4)
    for name in ("ann", "bob"):
        own = [n for n, other in enumerate(who) if other == name]
        expected = np.log(sizes(given)[own] / np.median(sizes(given)[own]))
        np.testing.assert_allclose(seen[own], np.tile(expected[:, None], 4), atol=1e-5)
    dot = [[3, 3, 0], [3, 3, 1]]
    with_dots = in_usual_heights([*given, dot, dot, dot], [*who, "ann", "ann", "eve"])
    for a, b in zip(in_usual_heights(given, who), with_dots[:7], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(with_dots[-1], dot)
    larger = [d * [3, 3, 1] if name == "bob" else d for d, name in zip(given, who, strict=True)]
    for a, b in zip(in_usual_heights(given, who), in_usual_heights(larger, who), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_drawing_alone_is_as_high_as_usual_and_a_height_tells_how_high_it_is() -> None:
    told, (drawing, *_) = PenFeatures(points=5, boxed=True, columns=("x", "y", "size")), drawings()
    alone, half = (pen_input(drawing, told.settings, height) for height in (None, 2 * sizes([drawing])[0]))
    np.testing.assert_allclose(alone[:, 2], 0, atol=1e-6)
    np.testing.assert_allclose(half[:, 2], np.log(0.5), atol=1e-6)
    np.testing.assert_allclose(alone[:, :2], half[:, :2], atol=1e-6)
    tiny = pen_input(drawing, told.settings, 1e6)
    np.testing.assert_array_equal(tiny[:, 2], -2)


def test_changed_drawings_keep_their_size_or_lose_it_as_asked() -> None:
    made, wanted = drawings(400), np.geomspace(0.2, 5, 400)
    given = [in_heights(d, own) for d, own in zip(made, sizes(made) / wanted, strict=True)]
    still = PenChanges(turn=0, slant=0, stretch=0, bend=0, grow=0.1, unknown=0.25)
    after = sizes(still(given, np.random.default_rng(0)))
    grown, one = after / wanted, np.abs(after - 1) < 1e-5
    assert 0.17 < one.mean() < 0.33
    assert 0.08 < np.log(grown[~one]).std() < 0.12
    np.testing.assert_allclose(sizes(PenChanges(0, 0, 0, 0)(given, np.random.default_rng(0))), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: in_usual_heights(drawings(), ["ann"]), "7 drawings need as many writers"),
        (lambda: in_heights(drawings()[0], 0), "must be a number above 0, not 0"),
        (lambda: pen_input(drawings()[0], PenFeatures().settings, 5), "does not hear how large a drawing is"),
        (lambda: PenFeatures()([[[0, 0]]]), r"drawing 0 must be points \(P, 3\)"),
        (lambda: PenFeatures()([[[0, 0, 1]], [[0, np.nan, 1]]]), "drawing 1 has a number that is not finite"),
        (
            lambda: PenFeatures()([[[0, 0, 1]], [[0, 0, 0], [0, -1e13, 1]]]),
            r"drawing 1: point 1 has a number beyond 1e\+12",
        ),
        (
            lambda: PenFeatures()([[[0, 0, 0], [1, 1, 0.7]], [[0, 0, 1]]]),
            "drawing 0: point 1 has a third .*; leave times",
        ),
        (lambda: PenChanges()([[[0, 0, 2]]], np.random.default_rng(0)), "drawing 0: point 0 has a third number that"),
        (lambda: PenFeatures()([]), "there is no drawing"),
        (lambda: PenFeatures(kept=True)([[[0, 0, 0], [1, 0, 1]], [[0, 0, 1]]]), "drawing 1 has one point"),
        (lambda: PenFeatures(columns=("x", "z")), "columns must be some of x, y, right"),
        (lambda: PenFeatures(points=1), "needs at least 2 points"),
        (lambda: PenFeatures(spacing=0), "spacing and widest must be above 0"),
    ],
)
def test_what_is_wrong_is_said(call, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
