"""The phoneme experiments: labels stay where they belong, answers are counted right, and the small versions learn."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import throughtime as tt
from throughtime import datasets, experiments
from throughtime.experiments import phonemes_bdg as bdg
from throughtime.experiments import phonemes_bdg_data
from throughtime.experiments import phonemes_framewise as framewise

real = [
    pytest.mark.data,
    pytest.mark.skipif(datasets.VARIABLE not in os.environ, reason="THROUGHTIME_DATA is not set"),
]


def numbered(long: int) -> tuple[np.ndarray, np.ndarray]:
    """A recording whose frames say their labels."""
    target = np.random.default_rng(long).integers(5, size=long)
    return np.tile(target[:, None], 3).astype(np.float32), target


def test_pieces_and_stretches_keep_every_frame_with_its_label() -> None:
    made = framewise.pieces([numbered(n) for n in (3, 10, 25)], 10)
    assert [len(x) for x, _ in made] == [3, 10, 10, 10, 10]
    assert (made[-1][1] == numbered(25)[1][15:]).all()
    xs, targets = map(list, zip(*made, strict=True))
    random = np.random.default_rng(0)
    cut, labels = framewise.StretchAugmentation(long=6, noise=0.0)(xs, targets, random)
    assert [len(x) for x in cut] == [3, 6, 6, 6, 6]
    for x, target in zip(cut, labels, strict=True):
        np.testing.assert_array_equal(x[:, 0], target)
    spoilt, _ = framewise.StretchAugmentation(long=6, noise=0.5)(xs, targets, random)
    assert all((x != y).all() for x, y in zip(spoilt[1:], cut[1:], strict=True))


def test_what_is_heard_sooner_ends_with_the_last_frame() -> None:
    x = np.arange(5.0)[:, None]
    assert framewise.sooner(x, 2)[:, 0].tolist() == [2, 3, 4, 4, 4]
    assert framewise.sooner(x, 0)[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_the_networks_with_few_weights_have_about_as_many() -> None:
    counts = {
        name: framewise.weight_count(entry.network)
        for name, entry in framewise.frame_contestants(51, quick=False).items()
    }
    del counts[framewise.BEST]
    assert max(counts.values()) < 1.25 * min(counts.values()), counts


def test_windows_without_changes_are_the_middle_and_moved_ones_are_moved() -> None:
    window = np.random.default_rng(1).normal(size=(bdg.FRAMES + 2 * phonemes_bdg_data.MARGIN, 4)).astype(np.float32)
    random = np.random.default_rng(0)
    (same,), labels = bdg.TokenAugmentation(0.0, 0.0, 0.0, 0.0)([window], [2], random)
    assert labels == [2]
    np.testing.assert_allclose(same, bdg.middle_frames(window), atol=1e-6)
    line = np.tile(np.arange(21.0, dtype=np.float32)[:, None], 4)
    moved, _ = bdg.TokenAugmentation(1.0, 0.0, 0.0, 0.0)([line] * 50, [0] * 50, random)
    shifts = np.array([x[:, 0] - bdg.middle_frames(line)[:, 0] for x in moved])
    np.testing.assert_allclose(shifts, np.repeat(shifts[:, :1], bdg.FRAMES, axis=1), atol=1e-5)
    assert -1 <= shifts.min() < -0.5 < 0.5 < shifts.max() <= 1


def test_answers_are_integrated_over_the_frames_that_are_asked() -> None:
    entries = bdg.token_contestants(quick=False)
    for name in ("Waibel's TDNN", "LSTM"):
        targets = [bdg.token_target(entries[name], k) for k in (0, 1, 2)]
        outputs = [np.zeros((bdg.FRAMES, 3)) for _ in range(3)]
        for k, y in enumerate(outputs):
            y[bdg.FRAMES - bdg.ASKED :, k] = 0.1
            y[: bdg.FRAMES - bdg.ASKED] = 9.0 * np.eye(3)[(k + 1) % 3]  # not asked, so not heard
        assert bdg.token_error(outputs, targets) == 0
        assert bdg.token_error(outputs[1:] + outputs[:1], targets) == 100
    assert framewise.frame_error([np.eye(3), np.eye(3)[:1]], [np.array([0, 1, 0]), np.array([0])]) == 25


def test_delays_are_learned_sharpened_and_hardened_and_an_interruption_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bdg, "TEMPERATURES", [1.0, 1e-3])
    monkeypatch.setattr(bdg, "STRENGTHS", [0.0, 0.01])
    network = tt.tdnn(2, 3, 3, [tt.LearnedDelays(2, 0), tt.LearnedDelays(2, 0)])
    entry = bdg.token_contestants(quick=False)["LSTM"]._replace(network=network, epochs=2, learned=True)
    random = np.random.default_rng(0)
    learnt = [(random.normal(size=(21, 2)).astype(np.float32), bdg.token_target(entry, k)) for k in (0, 1, 2)]
    plain = bdg.selected(entry, learnt, [], 0, tmp_path / "a.progress", lambda done, remark: None)
    assert all(c.weight == "dense" for layer in plain.network.layers for c in layer.connections)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bdg.selected(entry, learnt, [], 0, tmp_path / "b.progress", stop)
    again = bdg.selected(entry, learnt, [], 0, tmp_path / "b.progress", lambda done, remark: None)
    assert again.network == plain.network
    for layer, own in plain.weights.items():
        for key, values in own.items():
            np.testing.assert_array_equal(again.weights[layer][key], values)


def small(name: str, out: Path) -> dict[str, Any]:
    """What the small version says, one value per row."""
    said = experiments.conduct(name, True, 1, out, lambda done, remark: None)
    assert json.loads(json.dumps(said)) == said
    return {r["network"]: r["values"][0] for r in said["baselines"] + said["results"] if r["split"] != "validation"}


class TestSmall:
    pytestmark = real

    def test_plosives(self, tmp_path: Path) -> None:
        said = small("phonemes-bdg", tmp_path)
        assert said["TDNN, wider"] < min(4, said["nearest neighbour"], said["LDA"])
        assert {"bdg-curves.png", "bdg-tdnn-wider-confusion.png"} <= {p.name for p in tmp_path.iterdir()}
        model = tt.load(tmp_path / "bdg-tdnn-wider-0.safetensors")
        assert list(model.classes) == ["b", "d", "g"]

    def test_frames(self, tmp_path: Path) -> None:
        said = small("phonemes-framewise", tmp_path)
        assert said["bidirectional LSTM"] < said["LSTM"] < 60
        assert said["bidirectional LSTM"] < 45
        assert {"framewise-an4-curves.png", "framewise-an4-confusion.png"} <= {p.name for p in tmp_path.iterdir()}
