"""`recognise`, in Python and as a command: tones from a sound file and pen points from a table, and what is refused."""

import json
import sys
import tempfile
import wave
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytest

import throughtime as tt
from command_line import refused, run
from throughtime.decoding import Sentences, spelled
from throughtime.features import Prior, SpeechFeatures, normalise, stack, trim, with_deltas
from throughtime.features.heard import sound_input
from throughtime.features.pen import PenFeatures, pen_input
from throughtime.features.sound import mfcc, resample
from throughtime.models.columns import Column, standardise
from throughtime.recognition import Recogniser, recognise

RATE = 8000
TONES = {"low": 300.0, "high": 1500.0}
SOUND = SpeechFeatures(deltas=1, frames=2).settings(rate=RATE, filters=20)
LETTERS = ("", " ", "a", "b", "c")
SQUARE = [[0, 0, 0], [10, 0, 0], [10, 10, 0], [0, 10, 1]]


def sound(name: str, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """Noise, then a tone for half a second, about as high as it is called."""
    rng = np.random.default_rng(seed)
    pitch, begin = TONES[name] * rng.uniform(0.9, 1.1), int(rng.uniform(0.1, 0.3) * rate)
    made = 0.01 * rng.normal(size=int(0.9 * rate))
    made[begin : begin + rate // 2] += 0.3 * np.sin(2 * np.pi * pitch / rate * np.arange(rate // 2))
    return made


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((32767 * samples).astype("<i2").tobytes())
    return path


@cache
def taught() -> Path:
    """A model that tells low tones from high ones, in a file."""
    pairs = [(sound_input(sound(name, seed), RATE, SOUND), k) for seed in range(8) for k, name in enumerate(TONES)]
    network = tt.lstm(pairs[0][0].shape[1], 4, 2)
    loss = tt.Integrated(tt.CrossEntropy())
    *_, last = tt.train(network, tt.init(network, 0), tt.BPTT(), loss, optax.adam(0.03), pairs, epochs=20, batch=16)
    made = tt.Model(
        network, last.weights, classes=tuple(TONES), settings={"features": SOUND, "answer": "mean over time"}
    )
    path = Path(tempfile.mkdtemp()) / "tones.safetensors"
    tt.save(path, made)
    return path


def written(**more: Any) -> tt.Model:
    """An untaught model that reads strings of letters from pen points."""
    network = tt.lstm(9, 4, len(LETTERS))
    settings = {"features": PenFeatures(points=12).settings, "answer": "ctc", "blank": 0, **more}
    weights = jax.tree.map(lambda w: 3 * w, tt.init(network, 1))
    return tt.Model(network, weights, classes=LETTERS, settings=settings)


def net_inputs(model: tt.Model, weights: Any = None) -> np.ndarray:
    """What the network says of the square, (T, O)."""
    x = PenFeatures(points=12)([SQUARE])[0]
    return np.asarray(tt.run(model.network, weights or model.weights, x[:, None])[0][:, 0])


def test_a_sound_becomes_what_the_network_was_taught_with() -> None:
    samples = sound("low")
    wanted = stack(normalise(with_deltas(mfcc(samples, RATE, filters=20), 1)), 2)
    np.testing.assert_allclose(sound_input(samples, RATE, SOUND), wanted, atol=1e-4)
    faster = sound_input(resample(samples, RATE, 2 * RATE), 2 * RATE, SOUND)
    np.testing.assert_allclose(faster.mean(), wanted.mean(), atol=0.01)
    assert faster.shape == wanted.shape


def test_tones_from_files_are_told_apart_at_other_rates_too(tmp_path: Path) -> None:
    model = tt.load(taught())
    for seed in range(100, 105):
        for name in TONES:
            for rate in (RATE, 11025, 16000):
                path = write(tmp_path / "a.wav", sound(name, seed, rate), rate)
                first, second = recognise(model, tt.read_audio(path), best=2)
                assert first.text == name
                assert first.probability > 0.6
                assert first.probability + second.probability == pytest.approx(1)


def test_a_word_is_heard_without_silence_and_with_its_mean_in_part_as_taught() -> None:
    """The settings of a model of `throughtime experiment words`, as they come out of its file."""
    samples, silent = sound("low"), np.zeros(RATE // 2)
    mean = tuple(np.linspace(-3, 3, 26))
    own = SpeechFeatures(deltas=1, normalised="mean", frames=2, silence=3.0, prior=Prior(mean, 20))
    settings = json.loads(json.dumps(own.settings(rate=RATE, filters=26)))
    made = sound_input(np.concatenate([silent, samples, silent]), RATE, settings)
    cepstra = with_deltas(trim(mfcc(np.concatenate([silent, samples, silent]), RATE), 3.0), 1)
    expected = (cepstra.sum(0) + 20 * np.array(mean)) / (len(cepstra) + 20)
    np.testing.assert_allclose(made, stack(cepstra - expected, 2), atol=1e-4)
    assert 20 < len(made) < 30


def test_the_answer_is_the_class_of_the_mean_net_input() -> None:
    model = replace(written(answer="mean over time"), inputs=tuple(Column(f"{k}", 0.1 * k, 1 + k) for k in range(9)))
    x = standardise(PenFeatures(points=12)([SQUARE])[0], model.inputs)
    chances = np.exp(np.asarray(tt.run(model.network, model.weights, x[:, None])[0][:, 0]).mean(0))
    chances /= chances.sum()
    given = recognise(model, SQUARE, best=9)
    assert [a.text for a in given] == [LETTERS[k] for k in np.argsort(-chances)]
    np.testing.assert_allclose([a.probability for a in given], np.sort(chances)[::-1])


@pytest.mark.parametrize("answer", ["last", "mean"])
def test_a_model_answers_as_it_was_taught(answer: str) -> None:
    """A classifier taught at the last step is read there, one taught by the mean as a mean."""
    drawings = [[[0, 0, 0], [k, 9, 1]] for k in (1, 2, 8, 9)]
    features = PenFeatures(points=12)
    xs = [pen_input(drawing, features.settings) for drawing in drawings]
    model = tt.SequenceClassifier("elman", hidden=3, epochs=2, random_state=0, answer=answer).fit(xs, list("aabb"))
    made = model.to_model(features=features.settings)
    for drawing, x, said in zip(drawings, xs, model.predict_proba(xs), strict=True):
        ys = tt.run(model.network_, model.weights_, standardise(x, model.inputs_)[:, None])[0][:, 0]
        chances = jax.nn.softmax(ys[-1] if answer == "last" else ys.mean(0))
        assert said == pytest.approx(chances.tolist())
        given = {one.text: one.probability for one in recognise(made, drawing, best=2)}
        assert [given["a"], given["b"]] == pytest.approx(chances.tolist())
    old = {name: value for name, value in made.settings.items() if name != "answer"}  # of a file that does not say it
    if answer == "last":
        assert recognise(replace(made, settings=old), drawings[0]) == recognise(made, drawings[0])
    steps = tt.SequenceClassifier("elman", hidden=3, epochs=1).fit(xs, [["a"] * 6 + ["b"] * 6] * 4)
    with pytest.raises(
        ValueError, match="the model's answer is 'every step'; known are mean over time, ctc, last step"
    ):
        Recogniser(steps.to_model(features=features.settings))


def sized() -> tt.Model:
    """An untaught model that hears how large a drawing is."""
    features = PenFeatures(points=12, columns=("x", "y", "size"))
    network = tt.lstm(3, 4, len(LETTERS))
    weights = jax.tree.map(lambda w: 9 * w, tt.init(network, 1))
    settings = {"features": features.settings, "answer": "mean over time"}
    return tt.Model(network, weights, classes=LETTERS, settings=settings)


def test_a_drawing_is_as_large_as_the_usual_height_tells() -> None:
    small, as_usual, alone = (recognise(sized(), SQUARE, best=9, height=h) for h in (40, 10, None))
    half = [[2 * x, 2 * y, end] for x, y, end in SQUARE]
    assert alone == as_usual == recognise(sized(), half, best=9)
    assert small == recognise(sized(), half, best=9, height=80)
    assert small != as_usual
    with pytest.raises(ValueError, match="must be a number above 0, not -1"):
        recognise(sized(), SQUARE, height=-1)
    for model in (written(), tt.load(taught())):
        with pytest.raises(ValueError, match="does not hear how large a drawing is"):
            Recogniser(model, height=10)


def chance(ys: np.ndarray, text: str) -> float:
    """The probability of a string by the loss of CTC."""
    labels = jnp.array([spelled(text, LETTERS)])
    return float(np.exp(-tt.CTC()(jnp.asarray(ys)[:, None], (labels, jnp.array([len(ys)])))[0]))


def test_strings_are_those_of_the_decoder_and_their_probabilities_those_of_the_loss() -> None:
    known = Sentences(("ab c", "c a"), LETTERS, 2)
    model = written(vocabulary=["ab", "b", "ca"], decoder=known.settings)
    ys = net_inputs(model)
    found = {
        "greedy": [tt.ctc_greedy(ys)],
        "beam": [h.labels for h in tt.ctc_beam(ys)[:3]],
        "vocabulary": [spelled(w, LETTERS) for w in sorted(["ab", "b", "ca"], key=lambda w: -chance(ys, w))],
        "sentences": [h.labels for h in tt.ctc_beam(ys, 16, known.language)[:3]],
    }
    assert Recogniser(model).decoders == tuple(found)
    for decoder, wanted in found.items():
        given = recognise(model, SQUARE, 3, decoder)
        assert [a.text for a in given] == ["".join(LETTERS[k] for k in labels) for labels in wanted], decoder
        for answer in given:
            assert answer.probability == pytest.approx(chance(ys, answer.text)), decoder
    assert recognise(model, SQUARE) == recognise(model, SQUARE, decoder="sentences")
    assert recognise(model, SQUARE, words=["b"])[0].text == "b"


def test_several_networks_answer_with_their_mean_probabilities() -> None:
    model = written()
    other = tt.init(model.network, 7)
    both = jax.tree.map(lambda a, b: jnp.stack([a, b]), model.weights, other)
    mean = np.mean([jax.nn.softmax(net_inputs(model, w)) for w in (model.weights, other)], axis=0)
    made = tt.Model(model.network, both, classes=LETTERS, settings=model.settings, members=2)
    (answer,) = recognise(made, SQUARE)
    assert answer.probability == pytest.approx(chance(np.log(mean), answer.text))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"features": "normalised"}, "does not say what it hears"),
        ({"features": {"kind": "lpc cepstra"}}, "the model hears 'lpc cepstra'; known are mfcc, pen"),
        ({"answer": None}, "answer is None; known are mean over time, ctc"),
    ],
)
def test_a_model_that_does_not_say_how_it_is_used_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Recogniser(written(**change))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="has no decoder 'sentences'; it has greedy, beam"):
        recognise(written(), SQUARE, decoder="sentences")
    with pytest.raises(ValueError, match=r"'naïve' has 'n'; the labels are called ' abc'"):
        recognise(written(), SQUARE, words=["naïve"])
    with pytest.raises(
        ValueError, match=r"the model must be a Model, as `load` reads it from a file, not 'a\.safetensors'"
    ):
        recognise("a.safetensors", SQUARE)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="best must be at least 1"):
        recognise(written(), SQUARE, best=0)
    with pytest.raises(ValueError, match=r"at a known rate"):
        sound_input(sound("low"), RATE, {"kind": "mfcc"})
    with pytest.raises(ValueError, match=r"8000 samples per second, too few .* up to 6800 Hz; record it with 16000"):
        sound_input(sound("low"), RATE, SOUND | {"rate": 16000, "high": 6800})
    with pytest.raises(ValueError, match="a decoder and words are for strings"):
        Recogniser(tt.load(taught()), "beam")


def test_the_command_says_what_it_hears_and_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in TONES:
        write(tmp_path / f"{name}.wav", sound(name, 50))
    result = run("recognise", taught(), "low.wav", "high.wav", "--best", 2, "--out", "said.csv")
    assert result.exit_code == 0, result.stderr
    head, *lines = result.stdout.splitlines()
    assert head == "file      probability  answer"
    assert [(line.split()[0], line.split()[-1]) for line in lines] == [
        ("low.wav", "low"), ("low.wav", "high"), ("high.wav", "high"), ("high.wav", "low"),
    ]  # fmt: skip
    table = pd.read_csv("said.csv")
    assert table["answer"].tolist() == ["low", "high", "high", "low"]
    assert table["rank"].tolist() == [1, 2, 1, 2]
    again = run("recognise", taught(), "low.wav", "--json")
    (row,) = json.loads(again.stdout)["answers"]
    assert row == {"file": "low.wav", "rank": 1, "answer": "low", "probability": table["probability"][0]}


def test_the_command_reads_pen_points_from_tables_and_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tt.save("pen.safetensors", written())
    points = [*SQUARE, [20, 0, 0], [20, 5, 1]]
    pd.DataFrame(points, columns=["x", "y", "end-of-stroke"]).to_csv("a.csv", index=False)
    Path("a.json").write_text(json.dumps([[p[:2] for p in SQUARE], [], [[20, 0], [20, 5]]]))
    Path("words.txt").write_text("ab\n\nb\nab\n")
    for options in ([], ["--decoder", "greedy"], ["--words", "words.txt", "--best", 5]):
        result = run("recognise", "pen.safetensors", "a.csv", "a.json", "--json", *options)
        assert result.exit_code == 0, result.stderr
        answers = [(a["file"], a["answer"], a["probability"]) for a in json.loads(result.stdout)["answers"]]
        half = len(answers) // 2
        assert [a[1:] for a in answers[:half]] == [a[1:] for a in answers[half:]]
        assert half == (2 if "words.txt" in options else 1)
    assert {answer for _, answer, _ in answers} == {"ab", "b"}


def test_the_command_takes_the_usual_height(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tt.save("pen.safetensors", sized())
    pd.DataFrame(SQUARE, columns=["x", "y", "end-of-stroke"]).to_csv("a.csv", index=False)
    (row,) = json.loads(run("recognise", "pen.safetensors", "a.csv", "--height", 40, "--json").stdout)["answers"]
    (answer,) = recognise(sized(), SQUARE, height=40)
    assert (row["answer"], row["probability"]) == (answer.text, pytest.approx(answer.probability))
    refused(
        run("recognise", "pen.safetensors", "a.csv", "--height", 0),
        "pen.safetensors: the usual height must be a number above 0",
    )


def test_the_command_refuses_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tt.save("pen.safetensors", written())
    tt.save("plain.safetensors", tt.Model(tt.elman(1, 2, 1), tt.init(tt.elman(1, 2, 1), 0)))
    pd.DataFrame(SQUARE, columns=["x", "y", "end-of-stroke"]).to_csv("a.csv", index=False)
    Path("empty.wav").touch()
    Path("text.wav").write_text("x,y\n1,2\n")
    Path("few.csv").write_text("x,y\n1,2\n")
    Path("bad.json").write_text('{"x": 1}')
    Path("torn.json").write_text("[[[0, 1], [")
    Path("folder").mkdir()
    write(tmp_path / "none.wav", np.zeros(0))
    write(tmp_path / "slow.wav", sound("low", rate=4000), 4000)
    wrong = {
        ("plain.safetensors", "a.csv"): "plain.safetensors: the model does not say what it hears",
        ("a.csv", "a.csv"): "a.csv is not a .safetensors file",
        ("pen.safetensors", "missing.csv"): "missing.csv: no such file",
        (
            "pen.safetensors",
            "text.wav",
        ): "text.wav is no table of pen points; give CSV with the columns x, y, end-of-stroke",
        ("pen.safetensors", "few.csv"): "few.csv: there is no column 'end-of-stroke'",
        ("pen.safetensors", "bad.json"): "bad.json: pen points in JSON are a list of strokes",
        ("pen.safetensors", "torn.json"): "torn.json is not whole: Expecting value: line 1",
        ("pen.safetensors", "folder"): "folder is a folder; name the recordings in it",
        (taught(), "a.csv"): "a.csv holds no sound, which the model hears; give a WAV",
        (taught(), "empty.wav"): "empty.wav: the file is empty",
        (taught(), "none.wav"): "none.wav has no samples",
        (taught(), "text.wav"): "text.wav cannot be read as sound",
        (taught(), "slow.wav"): "slow.wav: the sound has 4000 samples per second, too few",
    }
    for (model, file), said in wrong.items():
        refused(run("recognise", model, file), said)
    mistaken = {
        "[[[0, 0, 5], [0, 9, 7]]]": "a.json, stroke 1, point 1 has 3 numbers, not x and y alone; pen points in JSON are",
        "[[[0, 0], [0, 9]], [[1]]]": "a.json, stroke 2, point 1 has 1 numbers",
        "[[0, 0], [0, 9]]": "a.json, stroke 1, point 1 is 0, not x and y alone",
        "[1, 2]": "a.json, stroke 1 is 1, not a list of points",
        '[[["0", "9"]]]': 'a.json, stroke 1, point 1: "0" is no number of a drawing',
        "[[[0, true]]]": "a.json, stroke 1, point 1: true is no number",
        "[[[0, null]]]": "a.json, stroke 1, point 1: null is no number",
        "[[[0, [1]]]]": "a.json, stroke 1, point 1: a list is no number",
        "[[[0, NaN]]]": "a.json, stroke 1, point 1: NaN is no number",
        "[[[0, -Infinity]]]": "a.json, stroke 1, point 1: -Infinity is no number",
        "[[[0, 1e400]]]": "a.json, stroke 1, point 1: Infinity is no number",
        "[[[0, 1e300]]]": "a.json, stroke 1, point 1: 1e+300 is no number",
        f"[[[0, 1{'0' * 400}]]]": "a.json, stroke 1, point 1: 1000",
        f"[[[0, 1{'0' * 5000}]]]": "a.json has a number that is too long to be read",
        "[" * 100_000: "a.json has lists in lists in lists without end",
        '[{"x": 1}]': "a.json, stroke 1 is an object, not a list of points",
        "3": "a.json: pen points in JSON are a list of strokes, each a list of [x, y]: [[[0, 0], [0, 9]]]; it holds 3",
        "[[], []]": "a.json: there is no point in it",
    }
    for text, said in mistaken.items():
        Path("a.json").write_text(text)
        refused(run("recognise", "pen.safetensors", "a.json"), said)
    Path("a.json").write_bytes(b"\xff\xfe[[[0")
    refused(run("recognise", "pen.safetensors", "a.json"), "a.json is not a text file in UTF-8")
    for row, said in (("1,2,0.5", "a third number that is neither 1"), ("1e20,2,1", "a number beyond 1e+12")):
        Path("far.csv").write_text(f"x,y,end-of-stroke\n{row}\n")
        refused(run("recognise", "pen.safetensors", "far.csv"), f"far.csv: drawing 0: point 0 has {said}")
    some = run("recognise", "pen.safetensors", "missing.csv", "a.csv", "bad.json")
    assert some.exit_code == 2
    assert some.stderr.startswith("error: missing.csv: no such file; bad.json: pen points in JSON")
    assert "a.csv" in some.stdout  # is answered all the same
    write(tmp_path / "low.wav", sound("low"))
    some = run("recognise", taught(), "text.wav", "none.wav", "low.wav")
    assert some.stderr.startswith("error: text.wav cannot be read as sound")
    assert "none.wav has no samples" in some.stderr
    assert "low.wav" in some.stdout
    with pytest.raises(ValueError, match=r"a\.csv is a path; read the recording first"):
        recognise(written(), "a.csv")
    refused(
        run("recognise", "pen.safetensors", "a.csv", "--height", 3),
        "pen.safetensors: the model does not hear how large",
    )
    refused(run("recognise", "pen.safetensors", "a.csv", "--decoder", "best"), "no decoder 'best'; it has greedy, beam")
    refused(run("recognise", "pen.safetensors", "a.csv", "--words", "none.txt"), "--words none.txt: no such file")


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.wav", sound("low"))
    for module in ("soundfile", "kaldi_native_fbank"):
        monkeypatch.setitem(sys.modules, module, None)
        missing = run("recognise", taught(), path, path)
        refused(missing, "sound needs the extra `audio`: pip install 'throughtime[audio]'")
        assert missing.stderr.count("extra `audio`") == 1
        monkeypatch.undo()
