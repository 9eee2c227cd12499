"""Recognition: from a recording to an answer, by a model that says in its settings what it hears and how it answers.

features    {"kind": "mfcc", ...}: sound, as `features.SpeechFeatures.settings` has it, and how the cepstra are made;
            {"kind": "pen", ...}: pen points, as `features.pen.PenFeatures.settings` has it;
            {"kind": "series", ...}: what was measured, step by step, as `features.SpeechFeatures.settings` has it
answer      how the model was taught, as `answers` has it: "mean over time", the class whose mean net input is the highest;
            "last step", that of the highest net input at the last step;  or "ctc": a string of classes
blank       of CTC
between     of CTC: what is written between labels, nothing unless told, as for letters
decoder     sentences of CTC, as `decoding.Sentences.settings` has them
vocabulary  words of CTC
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from throughtime import answers
from throughtime.checks import is_whole, quoted
from throughtime.decoding import Hypothesis, Lexicon, Sentences, ctc_beam, ctc_greedy, mixed, spelled
from throughtime.features.heard import heard_sound, sound_input
from throughtime.features.pen import PenFeatures, pen_input
from throughtime.features.series import KIND, series_input
from throughtime.features.speech import SpeechFeatures
from throughtime.models.ensemble import Ensemble
from throughtime.models.model import Model

Values = NDArray[Any]

ANSWERS = (answers.MEAN, "ctc", answers.LAST)
KINDS = {"mfcc": "sound", "pen": "pen points", KIND: "series"}


class Answer(NamedTuple):
    """What was recognised, and the network's probability of it."""

    text: str
    probability: float


def recognise(
    model: Model,
    recording: Any,
    best: int = 1,
    decoder: str | None = None,
    words: Sequence[str] = (),
    height: float | None = None,
) -> list[Answer]:
    """What a trained model makes of a recording.

    model      with what it hears and how it answers in its settings, as the experiments of this library leave it
    recording  samples (N,) and their rate, as `read_audio` gives them; or pen points (P, 3): x, y (upwards), and 1 at the
               last point of each stroke; or a series (T, C)
    best       how many answers
    decoder    of CTC: "greedy", "beam", "vocabulary" or "sentences"; None: the last of them that the model can
    words      the vocabulary, instead of the model's own
    height     that the writer's drawings usually have, in the units of the points: of a model that hears the size. Without it
               an l may be taken for an e

    returns  the best answers, the best first; fewer if there are no more. Several members answer by the mean of their
             probabilities at every step, which for strings can be worse than one of them. A
             decoder may rank by more than the network's probability, which is shown
    raises   ValueError if the model does not say how it is used, or recording or decoder do not fit; ImportError if it
             hears sound and the extra `audio` is missing

    >>> import numpy as np, throughtime as tt
    >>> from throughtime.features.pen import PenFeatures
    >>> network = tt.lstm(9, 3, 2)
    >>> settings = {"features": PenFeatures(points=5).settings, "answer": "mean over time"}
    >>> model = tt.Model(network, tt.init(network, 0), classes=("one", "two"), settings=settings)
    >>> sorted(answer.text for answer in tt.recognise(model, [[0, 0, 0], [0, 9, 1]], best=2))
    ['one', 'two']
    """
    return Recogniser(model, decoder, tuple(words), height)(recording, best)


@dataclass(frozen=True, eq=False)
class Recogniser:
    """A model ready for many recordings; arguments as `recognise` has them."""

    model: Model
    decoder: str | None = None
    words: tuple[str, ...] = ()
    height: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.model, Model):
            raise ValueError(f"the model must be a Model, as `load` reads it from a file, not {self.model!r}")
        settings, classes = self.model.settings, self.model.classes
        features = settings.get("features")
        if not isinstance(features, Mapping):
            raise ValueError(
                "the model does not say what it hears (settings: features), so it cannot be used on recordings"
            )
        if features.get("kind") not in tuple(KINDS):
            raise ValueError(f"the model hears {quoted(features.get('kind'))}; known are {', '.join(KINDS)}")
        if self._answer not in ANSWERS:
            raise ValueError(f"the model's answer is {quoted(self._answer)}; known are {', '.join(ANSWERS)}")
        if len(classes) != self.model.network.size_of(self.model.network.output):
            raise ValueError(f"the model has {len(classes)} names for its outputs; it needs one for each")
        self._check_settings()
        if (self.decoder or self.words) and self._answer != "ctc":
            raise ValueError("a decoder and words are for strings (CTC); this model answers with one of its classes")
        if self.decoder is not None and self.decoder not in self.decoders:
            raise ValueError(f"this model has no decoder {self.decoder!r}; it has {', '.join(self.decoders)}")
        if self.height is not None and "size" not in features.get("columns", ()):
            raise ValueError("the model does not hear how large a drawing is: leave the usual height out")
        if self.height is not None and not 0 < self.height < np.inf:
            raise ValueError(f"the usual height must be a number above 0, not {self.height:g}")

    def _check_settings(self) -> None:
        """Refuse what a file says of features and strings, where no recording could be used with it."""
        settings, network = self.model.settings, self.model.network
        numbers, taken = self._numbers(settings["features"]), sum(size for _, size in network.inputs)
        if numbers != taken:
            raise ValueError(f"the features are {numbers} numbers a step, but the network takes {taken}")
        if self._answer != "ctc":
            return
        if not is_whole(settings.get("blank", 0), 0, len(self.model.classes) - 1):
            raise ValueError(
                f"the blank must be one of the {len(self.model.classes)} outputs, not {quoted(settings['blank'])}"
            )
        if not isinstance(settings.get("between", ""), str):
            raise ValueError(f"what stands between labels must be text, not {quoted(settings['between'])}")
        told = settings.get("vocabulary", ())
        if not isinstance(told, list | tuple) or not all(isinstance(word, str) for word in told):
            raise ValueError("the vocabulary must be a list of words")
        if "decoder" in settings:
            Sentences.of(settings["decoder"], self.model.classes, self._blank)

    def _numbers(self, features: Mapping[str, Any]) -> int:
        """How many numbers the features have at each step."""
        if self.hears == "pen points":
            return len(PenFeatures.of(features).columns)
        if self.hears == "series":
            if not is_whole(features.get("coefficients"), 1):
                raise ValueError(f"a series has a number of columns, not {quoted(features.get('coefficients'))}")
            return SpeechFeatures.of(features).width(features["coefficients"])
        made, told = heard_sound(features)
        return made.width(int(told.get("coefficients", 13)))

    @property
    def hears(self) -> str:
        """ "sound", "pen points" or "series"."""
        return KINDS[self.model.settings["features"]["kind"]]

    @property
    def _answer(self) -> Any:
        return answers.of(self.model.settings)

    @property
    def decoders(self) -> tuple[str, ...]:
        """Those that the model can be used with, the last one if none is asked for."""
        known = bool(self.words or "vocabulary" in self.model.settings)
        told = "decoder" in self.model.settings and not self.words
        return ("greedy", "beam", *(("vocabulary",) * known), *(("sentences",) * told))

    def __call__(self, recording: Any, best: int = 1) -> list[Answer]:
        """The best answers, the best first."""
        if best < 1:
            raise ValueError(f"best must be at least 1, the number of answers; it is {best}")
        said = self._said(self._input(recording))
        if self._answer == "ctc":
            return self._strings(mixed(said), best)
        chances = np.exp(mixed([answers.read(ys, self._answer)[0] for ys in said]))
        order = np.argsort(-chances, kind="stable")[:best]
        return [Answer(str(self.model.classes[k]), float(chances[k])) for k in order]

    def _input(self, recording: Any) -> Values:
        settings = self.model.settings["features"]
        if isinstance(recording, str | os.PathLike):
            raise ValueError(
                f"{recording} is a path; read the recording first: `read_audio` for sound, points (P, 3) of a pen"
            )
        pair = isinstance(recording, tuple) and len(recording) == 2
        if self.hears == "sound":
            if not pair:
                raise ValueError("the model hears sound: give (samples, rate), as read_audio does")
            samples, rate = recording
            x = sound_input(samples, rate, settings)
        elif self.hears == "series":
            x = series_input(recording, settings)
        else:
            if pair:
                raise ValueError("the model hears pen points (P, 3): x, y and 1 at the end of each stroke, not sound")
            x = pen_input(recording, settings, self.height)
        return x

    def _said(self, x: Values) -> list[Values]:
        """The outputs (T, O) of every member."""
        (ys,) = self._together.sequences([x])
        return list(np.asarray(ys, float))

    @cached_property
    def _together(self) -> Ensemble:
        return Ensemble.of(self.model)

    def _strings(self, ys: Values, best: int) -> list[Answer]:
        """The best strings, each with its probability, exactly."""
        found = [hypothesis.labels for hypothesis in self._found(ys, best)]
        if not found:
            return []
        chances = np.exp(Lexicon(found, self._blank).scores(ys))
        texts = [
            self.model.settings.get("between", "").join(str(self.model.classes[k]) for k in labels) for labels in found
        ]
        return [Answer(text, float(chance)) for text, chance in zip(texts, chances, strict=True)]

    def _found(self, ys: Values, best: int) -> list[Hypothesis]:
        match self.decoder or self.decoders[-1]:
            case "greedy":
                return [Hypothesis(ctc_greedy(ys, self._blank), 0.0)]
            case "beam":
                return ctc_beam(ys, max(25, best), blank=self._blank)[:best]
            case "vocabulary":
                return self._vocabulary.best(ys, best)
            case _:
                return self._sentences.best(ys, best)

    @property
    def _blank(self) -> int:
        return int(self.model.settings.get("blank", 0))

    @cached_property
    def _vocabulary(self) -> Lexicon:
        words = self.words or self.model.settings["vocabulary"]
        return Lexicon([spelled(word, self.model.classes, self._blank) for word in words], self._blank)

    @cached_property
    def _sentences(self) -> Sentences:
        return Sentences.of(self.model.settings["decoder"], self.model.classes, self._blank)
