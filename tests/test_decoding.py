"""Decoding of CTC against every path, written out; error rates against the recursion of the textbook."""

from functools import lru_cache
from itertools import product

import jax.numpy as jnp
import numpy as np
import pytest

from throughtime.decoding import (
    LabelLanguage,
    Lexicon,
    NGram,
    WordLanguage,
    alignment,
    collapse,
    ctc_beam,
    ctc_greedy,
    edit_distance,
    label_error_rate,
    mixed,
    word_error_rate,
)
from throughtime.losses import CTC

SHAPES = [(0, 2, 0), (1, 3, 0), (4, 3, 0), (5, 3, 2), (4, 4, 1), (6, 2, 0)]


def outputs(steps: int, size: int, seed: int = 0) -> np.ndarray:
    return 2 * np.random.default_rng(seed).normal(size=(steps, size))


def all_strings(ys: np.ndarray, blank: int) -> dict[tuple[int, ...], float]:
    """The probability of every string: the sum over all paths that stand for it."""
    steps, size = ys.shape
    p = np.exp(ys) / np.exp(ys).sum(axis=1, keepdims=True)
    found: dict[tuple[int, ...], float] = {}
    for path in product(range(size), repeat=steps):
        string = tuple(k for t, k in enumerate(path) if k != blank and (t == 0 or path[t - 1] != k))
        found[string] = found.get(string, 0.0) + float(np.prod([p[t, k] for t, k in enumerate(path)]))
    return found


def test_a_path_stands_for_its_labels_without_repeats_and_blanks() -> None:
    assert collapse([0, 1, 1, 0, 1, 2, 2, 0]) == (1, 1, 2)
    assert collapse([0, 1, 1, 2], blank=1) == (0, 2)
    assert collapse([]) == ()


@pytest.mark.parametrize("seed", range(4))
def test_greedy_is_the_string_of_the_best_path(seed: int) -> None:
    ys = outputs(4, 3, seed)
    best = max(product(range(3), repeat=4), key=lambda path: sum(ys[t, k] for t, k in enumerate(path)))
    assert ctc_greedy(ys, blank=1) == collapse(best, blank=1)


@pytest.mark.parametrize(("steps", "size", "blank"), SHAPES)
def test_a_wide_beam_finds_every_string_with_its_probability(steps: int, size: int, blank: int) -> None:
    ys = outputs(steps, size)
    wanted, found = all_strings(ys, blank), ctc_beam(ys, width=10_000, blank=blank)
    assert {h.labels for h in found} == set(wanted)
    np.testing.assert_allclose([np.exp(h.score) for h in found], [wanted[h.labels] for h in found], rtol=1e-10)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)


def test_a_narrow_beam_never_says_more_than_there_is_and_mostly_finds_the_best() -> None:
    hits = 0
    for seed in range(20):
        ys = outputs(6, 3, seed)
        wanted, found = all_strings(ys, 0), ctc_beam(ys, width=4)
        assert len(found) <= 4
        assert all(np.exp(h.score) <= wanted[h.labels] * (1 + 1e-12) for h in found)
        hits += found[0].labels == max(wanted, key=wanted.__getitem__)
    assert hits >= 18


def test_the_best_string_is_not_always_that_of_the_best_path() -> None:
    ys = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert ctc_greedy(ys) == ()
    assert ctc_beam(ys)[0].labels == (1,)


def test_a_language_is_added_to_every_string() -> None:
    ys, model = outputs(5, 3), NGram([(1, 2, 1), (1, 1)], order=3)
    found = ctc_beam(ys, width=10_000, language=LabelLanguage(model, 3, weight=0.7, bonus=0.3))
    paths = all_strings(ys, 0)
    assert len(found) == len(paths)
    for labels, score in found:
        whole = (None, None, *labels, None)
        said = sum(np.log(naive_probability(model, whole[i - 2 : i], whole[i])) for i in range(2, len(whole)))
        assert score == pytest.approx(np.log(paths[labels]) + 0.7 * said + 0.3 * len(labels), abs=1e-10)
    assert found[0].labels != ctc_beam(ys, width=10_000)[0].labels


def naive_probability(model: NGram, history: tuple, token: object) -> float:
    """Witten and Bell's formula, counted anew each time."""
    padded = [(None,) * (model.order - 1) + tuple(s) + (None,) for s in model.sentences]
    follows = [
        s[i]
        for s in padded
        for i in range(model.order - 1, len(s))
        if history == s[i - len(history) : i]  # () is everywhere
    ]
    vocabulary = {token for s in model.sentences for token in s} | {None}
    below = naive_probability(model, history[1:], token) if history else 1 / len(vocabulary)
    kinds = len(set(follows))
    return (follows.count(token) + kinds * below) / (len(follows) + kinds) if follows else below


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_probabilities_of_an_ngram_are_the_formula_and_add_up_to_one(order: int) -> None:
    model = NGram(["abca", "bb", ""], order)
    for history in [model.start, ("a", "b")[: order - 1], ("c", "c")[: order - 1], ("x", "a")[-order + 1 or 2 :]]:
        each = {token: model.probability(history, token) for token in model.vocabulary}
        assert sum(each.values()) == pytest.approx(1, abs=1e-12)
        for token, p in each.items():
            assert p == pytest.approx(naive_probability(model, history, token), abs=1e-12)


@pytest.mark.parametrize(("order", "bonus"), [(None, 0.0), (1, 0.5), (2, -0.4)])
def test_words_of_a_list_are_all_that_comes_out_with_the_scores_of_their_sentences(order, bonus) -> None:
    words, space = {"a": (1,), "ab": (1, 2), "bb": (2, 2)}, 3
    model = order and NGram([("a", "bb"), ("ab",), ()], order)
    language = WordLanguage(words, space, 4, model, weight=0.8, bonus=bonus)
    ys = outputs(6, 4)
    paths, wanted = all_strings(ys, 0), {}
    for number in range(4):
        for sentence in product(words, repeat=number):
            labels = tuple(label for word in sentence for label in (space, *words[word]))[1:]
            said = bonus * number
            if model:
                whole = (*(None,) * (order - 1), *sentence, None)
                tokens = range(order - 1, len(whole))
                said += 0.8 * sum(np.log(naive_probability(model, whole[i - order + 1 : i], whole[i])) for i in tokens)
            if labels in paths:
                wanted[labels] = np.log(paths[labels]) + said
    found = ctc_beam(ys, width=10_000, language=language)
    assert {h.labels for h in found} == set(wanted)
    np.testing.assert_allclose([h.score for h in found], [wanted[h.labels] for h in found], atol=1e-10)


@pytest.mark.parametrize("blank", [0, 2])
def test_a_lexicon_knows_the_probability_of_every_word(blank: int) -> None:
    ys = outputs(5, 3, seed=3)
    paths = all_strings(ys, blank)
    a, b = {0, 1, 2} - {blank}
    words = [(a, b), (a, a, b), (a,), (b, b), (), (a, b, a, b, a), (b, b, b, b)]  # the last wants 7 steps
    scores = Lexicon(words, blank).scores(ys)
    np.testing.assert_allclose(np.exp(scores), [paths.get(word, 0) for word in words], rtol=1e-10)
    best = Lexicon(words, blank).best(ys, 2)
    assert [h.labels for h in best] == sorted(words, key=lambda w: -paths.get(w, 0))[:2]
    favoured = Lexicon(words, blank).best(ys, prior=[0, 0, 0, 50, 0, 0, 0])
    assert favoured[0].labels == (b, b)


def test_a_lexicon_of_long_words_agrees_with_the_loss() -> None:
    """On float32 accuracy: the loss of optax takes 1e5 for infinity."""
    ys, labels = outputs(40, 6), [1, 2, 2, 5, 3, 3, 3, 1]
    loss = CTC()(jnp.asarray(ys)[:, None], (jnp.array([labels]), jnp.array([40])))
    np.testing.assert_allclose(Lexicon([labels]).scores(ys), -loss, rtol=1e-6)


@lru_cache
def naive_distance(wanted: str, given: str) -> int:
    if not wanted or not given:
        return len(wanted) + len(given)
    change = naive_distance(wanted[1:], given[1:]) + (wanted[0] != given[0])
    return min(change, naive_distance(wanted[1:], given) + 1, naive_distance(wanted, given[1:]) + 1)


def test_several_networks_say_the_mean_of_their_probabilities() -> None:
    said = [outputs(4, 3, seed) for seed in range(3)]
    chances = np.mean([np.exp(y) / np.exp(y).sum(1, keepdims=True) for y in said], axis=0)
    np.testing.assert_allclose(np.exp(mixed(said)), chances, atol=1e-12)
    sure = np.array([[0.0, 2000.0]])
    np.testing.assert_allclose(mixed([sure, sure]), [[-2000.0, 0.0]])


def test_an_alignment_is_both_strings_by_as_many_edits_as_are_needed() -> None:
    rng = np.random.default_rng(5)
    for _ in range(100):
        wanted, given = ([int(k) for k in rng.integers(1, 4, rng.integers(0, 9))] for _ in range(2))
        pairs = alignment(wanted, given)
        assert [a for a, _ in pairs if a is not None] == wanted
        assert [b for _, b in pairs if b is not None] == given
        assert sum(a != b for a, b in pairs) == naive_distance(tuple(wanted), tuple(given))


def test_edit_distance_is_the_recursion() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        wanted, given = ("".join(rng.choice(list("abc"), rng.integers(0, 7))) for _ in range(2))
        assert edit_distance(wanted, given) == naive_distance(wanted, given) == edit_distance(given, wanted)


def test_error_rates_add_up_before_they_divide() -> None:
    assert label_error_rate([(1, 2, 3), ()], [(1, 3), (5,)]) == 2 / 3
    assert word_error_rate(["ONE TWO", "GO"], ["ONE  TWO", "NO GO NOW"]) == 2 / 3
    with pytest.raises(ValueError, match="2 strings are wanted, but 1 were given"):
        label_error_rate(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="no label is wanted"):
        label_error_rate([""], ["a"])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ctc_greedy(np.zeros((2, 3, 4))), r"outputs have shape \(2, 3, 4\)"),
        (lambda: ctc_greedy(np.zeros((2, 3)), blank=3), "blank 3 is none of the 3 outputs"),
        (lambda: ctc_beam(np.full((2, 3), np.nan)), "step 0 are not finite"),
        (lambda: ctc_beam(np.zeros((2, 3)), width=0), "width must be at least 1"),
        (lambda: ctc_beam(np.zeros((2, 3)), language=LabelLanguage(NGram([(1,)]), 2)), r"scores \(2,\) labels"),
        (lambda: Lexicon([]), "at least one word"),
        (lambda: Lexicon([(1, 0)]), r"the word \(1, 0\) has a label that is negative or the blank 0"),
        (lambda: Lexicon([(1, 7)]).scores(np.zeros((2, 3))), "labels up to 7; the network has 3 outputs"),
        (lambda: NGram([(1,)], 0), "order of at least 1"),
        (lambda: NGram(["ab"]).probability((), "c"), "does not know 'c'"),
        (lambda: WordLanguage({"a": (1, 2)}, 2, 3), "the word 'a' has labels"),
        (lambda: WordLanguage({"a": (1,), "b": (1,)}, 2, 3), "two words have the same labels"),
    ],
)
def test_what_is_wrong_is_said(call, said: str) -> None:
    with pytest.raises(ValueError, match=said) as error:
        call()
    assert "\n" not in str(error.value)
