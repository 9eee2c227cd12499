"""Networks and linear models of the yearly sunspot numbers, of several designs, and how one was chosen."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from throughtime.architectures import narx
from throughtime.datasets import sunspots
from throughtime.dynamics.holding import Fold
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.teaching import Teaching
from throughtime.models.columns import Column, restore, standardise
from throughtime.models.model import Model
from throughtime.network import Network

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

LAST_FITTED, VARIANCE, ORDER = 1920, 1535.0, 12
SEEDS, TOGETHER, EPOCHS, RATE = 10, 10, 600, 0.02
LARGE = ((1723, 1732), (1775, 1797), (1833, 1855), (1867, 1877))  # the cycles to 1920 that peak above 115
LINEAR = {f"AR({ORDER})": False, f"AR({ORDER}) of roots": True}


@dataclass(frozen=True)
class SunspotDesign:
    """What is open in the model.

    units  in the hidden layer
    roots  predict the square roots of the numbers, whose errors are more alike in size
    skip   let the output hear the past directly too, so that the tanh units only bend a linear model
    decay  weight decay: decay |w|^2 is added to the mean squared error, biases left out
    """

    units: int
    roots: bool
    skip: bool
    decay: float

    @property
    def network(self) -> Network:
        """The wiring, fed with its own output."""
        return narx(0, self.units, 1, output_delays=range(1, ORDER + 1), skip=self.skip)


CHOSEN = SunspotDesign(units=2, roots=True, skip=True, decay=0.005)
DESIGNS = (
    CHOSEN,
    replace(CHOSEN, decay=0.003),
    SunspotDesign(4, True, True, 0.003),
    SunspotDesign(4, False, True, 0.0075),
)


@dataclass(frozen=True)
class Fits:
    """Networks of one design, trained side by side from several first weights.

    model    them all
    losses   (looks, networks)
    guesses  (networks, years): predictions one year ahead; the first twelve years mean nothing
    """

    model: Model
    losses: Values
    guesses: Values


def fit_sunspots(
    design: SunspotDesign,
    numbers: Values,
    used: Mask,
    count: int,
    epochs: int,
    look: int = 100,
    progress: Callable[[float], None] = lambda done: None,
) -> Fits:
    """`count` networks, trained on the years `used`; a loss every `look` epochs."""
    seen = _transformed(numbers, design.roots)[:, None]
    column = Column(column_name(design.roots), float(seen[used].mean()), float(seen[used].std()))
    z = standardise(seen, [column])
    teaching = Teaching(loop="open", epochs=epochs, rate=RATE, decay=design.decay, clip=None, look=look)
    networks = DynamicModel(design.network, [teaching], restarts=count, scale=False)
    for done in networks.lessons(None, z[:, 0], [Fold(asked=used[None], held_out=np.zeros((1, len(z)), bool))]):
        progress(done.report.epoch / epochs)
    guesses = _back(restore(networks.each(np.zeros((len(z), 0)), z), [column])[:, :, 0], design.roots)
    made = replace(networks.to_model(**asdict(design)), outputs=(column,))
    return Fits(made, np.array(networks.losses_[0]), guesses)


def autoregression(numbers: Values, used: Mask, roots: bool) -> Values:
    """One-step predictions of AR(12) + bias, by least squares on the years `used`."""
    seen = _transformed(numbers, roots)
    taps = [np.concatenate([np.zeros(d), seen[:-d]]) for d in range(1, ORDER + 1)]
    rows = np.stack([*taps, np.ones(len(seen))], axis=1)
    chosen = used & (np.arange(len(seen)) >= ORDER)
    coefficients = np.linalg.lstsq(rows[chosen], seen[chosen], rcond=None)[0]
    return _back(rows @ coefficients, roots)


def column_name(roots: bool) -> str:
    return "sqrt(SUNACTIVITY)" if roots else "SUNACTIVITY"


def _transformed(numbers: Values, roots: bool) -> Values:
    return np.sqrt(numbers) if roots else numbers


def _back(seen: Values, roots: bool) -> Values:
    return np.maximum(seen, 0) ** 2 if roots else seen


def selections(years: Values) -> dict[str, list[tuple[Mask, Mask]]]:
    """The four measures before 1920: pairs of years learned from and years asked."""
    steps = np.arange(len(years))
    blocks = [np.isin(steps, rows) for rows in np.array_split(np.arange(ORDER, len(years)), 5)]
    large = np.any([(years >= first) & (years <= last) for first, last in LARGE], axis=0)
    return {
        "block": [(~block, block) for block in blocks],
        "forward": [(years <= last, (years > last) & (years <= last + 35)) for last in (1780, 1815, 1850, 1885)],
        "large": [(~large, large)],
        "rise": [(years <= 1775, (years > 1775) & (years <= 1797)), (years <= 1832, (years > 1832) & (years <= 1878))],
    }


def errors_before_1920(
    designs: Sequence[SunspotDesign] = DESIGNS, count: int = 10, epochs: int = EPOCHS
) -> pd.DataFrame:
    """The errors in years held out before 1920, of the mean of `count` networks of every design and of the linear models.

    Eight seconds for each design.
    """
    years, numbers = (values[sunspots()[0] <= LAST_FITTED] for values in sunspots())
    ways: dict[str, Callable[[Mask], Values]] = {
        name: partial(autoregression, numbers, roots=roots) for name, roots in LINEAR.items()
    }
    ways |= {str(design): partial(_mean_of, design, numbers, count, epochs) for design in designs}
    made: dict[str, dict[str, float]] = {name: {} for name in ways}
    for name, way in ways.items():
        for measure, pairs in selections(years).items():
            wrong = [((way(used) - numbers)[asked]) ** 2 for used, asked in pairs]
            made[name][measure] = float(np.concatenate(wrong).mean() / VARIANCE)
    return pd.DataFrame(made).T


def _mean_of(design: SunspotDesign, numbers: Values, count: int, epochs: int, used: Mask) -> Values:
    return np.asarray(fit_sunspots(design, numbers, used, count, epochs).guesses.mean(axis=0))
