"""Sequences: from a list of unequal sequences, each with its target, to a few padded arrays.

A sequence is a pair (x, target), or a triple (x, target, before). x is (steps, features), or {input: (steps, size)} for a
network with several inputs. `before` is its true history, {source: (rows, size)} in order of time: what went before step 1
in delay lines of inputs, or of layers such as the output; a source that is not named starts as `engine.start` has it.
What the target is depends on the loss:

    numbers    (steps, outputs): asked at every step;  (outputs,): asked at the last step;  NaN: not asked
    labels     (steps,) whole numbers: at every step;  one whole number: at the last step;  -1: not asked
    strings    a list of labels, as long as it is

Which of them it takes a loss says itself, as told in `losses.Traits`. `Integrated` asks for one target of a sequence at
all its steps; at the last step alone it is refused where layers run backward, which have heard only that step there.

Where several networks are trained side by side, numbers may be (members, steps, outputs): NaN differ from one to another.
Sequences of similar length share a bucket, padded to one length: few lengths are compiled. Padding asks nothing.
"""

from throughtime.sequences.bucketing import Bucket, beside, buckets
from throughtime.sequences.examples import Example, examples_of, refuse_short
from throughtime.sequences.inputs import Inputs, before_of, inputs_of, steps_of
from throughtime.sequences.numbers import TOO_LARGE, Values, numbers_of, refuse_first, refuse_other_kinds, too_large
from throughtime.sequences.padding import Padding, padded_lengths
from throughtime.sequences.targets import target_of

__all__ = [
    "TOO_LARGE",
    "Bucket",
    "Example",
    "Inputs",
    "Padding",
    "Values",
    "before_of",
    "beside",
    "buckets",
    "examples_of",
    "inputs_of",
    "numbers_of",
    "padded_lengths",
    "refuse_first",
    "refuse_other_kinds",
    "refuse_short",
    "steps_of",
    "target_of",
    "too_large",
]
