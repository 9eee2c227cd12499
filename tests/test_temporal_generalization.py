"""The chapter's claim: LSTM learns the rule for every n, a network on a sliding window does not."""

from pathlib import Path

from throughtime.experiments import conduct


def test_lstm_generalises_over_time_and_a_window_does_not(tmp_path: Path):
    said = conduct("temporal-generalization", True, 2, tmp_path, lambda done, remark: None)
    right = {(r["network"], r["split"]): r["values"] for r in said["results"]}
    assert min(right["LSTM", "n=1000"]) >= 0.99
    assert min(right["window of 12", "n=10"]) == 1.0  # it has learned what it can see
    assert max(right["window of 12", "n=1000"]) == 0.5  # and guesses beyond
    assert {p.name for p in tmp_path.iterdir()} == {
        "temporal-generalization.csv",
        "temporal-generalization.png",
        "training",
    }
