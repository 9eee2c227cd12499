"""Decoding: from the outputs of a network trained with CTC to a string of labels, and how wrong it is.

    ys (T, O) net inputs --> greedy: the best label of every step
                         --> beam: the best strings, with a language model if there is one
                         --> lexicon: the probability of every word of a list, exactly

Nothing here is trained; numpy in, numpy out, one sequence at a time (`models.each.run_each` gives such outputs).
"""

from throughtime.decoding.beam import Hypothesis, Language, ctc_beam
from throughtime.decoding.editing import alignment, edit_distance, label_error_rate, word_error_rate
from throughtime.decoding.language import LabelLanguage, NGram, WordLanguage
from throughtime.decoding.lexicon import Lexicon
from throughtime.decoding.paths import collapse, ctc_greedy, mixed
from throughtime.decoding.sentences import Sentences, spelled

__all__ = [
    "Hypothesis",
    "LabelLanguage",
    "Language",
    "Lexicon",
    "NGram",
    "Sentences",
    "WordLanguage",
    "alignment",
    "collapse",
    "ctc_beam",
    "ctc_greedy",
    "edit_distance",
    "label_error_rate",
    "mixed",
    "spelled",
    "word_error_rate",
]
