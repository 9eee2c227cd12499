"""What a model's residuals still hold: of their own past, and of the inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from throughtime.dynamics.correlation import Correlations, autocorrelation, cross_correlation
from throughtime.dynamics.signals import Records, named_signals, same_lengths, unchanging

SHOWN = 6  # runs of lags named in a sentence


@dataclass(frozen=True, eq=False)
class ResidualTests:
    """The residuals' correlations, and what they mean.

    auto      {output: autocorrelation of its residual}
    crossed   {(input, output): cross-correlation of the input with the output's residual k steps later}
    verdicts  a sentence for each of them
    passed    True if nothing was found
    """

    auto: Mapping[str, Correlations]
    crossed: Mapping[tuple[str, str], Correlations]
    verdicts: tuple[str, ...]
    passed: bool


def residual_tests(
    residuals: Records,
    inputs: Records | None = None,
    lags: int = 25,
    level: float = 0.95,
    input_names: Sequence[str] = (),
    output_names: Sequence[str] = (),
) -> ResidualTests:
    """Whether residuals are white, and uncorrelated with the inputs of now and before.

    Of white residuals, 1 - level (5 %) of all lags are outside the bound by chance. So a verdict needs more: one lag
    outside the joint bound of all (such lags are then the ones named), or so many lags outside that the chance of it
    is below (1 - level)/2 (binomial; autocorrelation only, whose lags are nearly independent). Each test then gives a
    false alarm with a probability of about 1 - level at most, if no data of the residuals were used to fit the model.

    What they mean depends on the residuals. One step ahead: a correlation in time is something that the past could
    have told. Free run: errors are slow wherever disturbances are, also for a perfect model, so only the correlation
    with the inputs speaks against the model.

    residuals     (T, O), measured - predicted, or a list of records; NaN where nothing was measured
    inputs        (T, I), or records of the same lengths; None: there is none
    lags          the largest lag; the autocorrelation is tested at 1..lags, the inputs at 0..lags
    level         of the bounds
    input_names   the inputs' names; without them those of a table, or u, or u1, u2, ...
    output_names  the outputs'; without them those of a table, or y, or y1, y2, ...

    returns  `ResidualTests`; what never changes is not tested, and its sentence says so
    raises   ValueError if records do not fit
    cost     time O(T log T) per pair of input and output

    >>> import numpy as np
    >>> from throughtime.dynamics.residuals import residual_tests
    >>> u, noise = np.random.default_rng(2).normal(size=(2, 400))
    >>> for sentence in residual_tests(noise + 0.5 * np.roll(u, 2), u, lags=20).verdicts:
    ...     print(sentence)
    residual of y: white within bounds (0 of 20 lags outside, 1.0 expected by chance)
    u and residual of y: lag 2 clearly outside: the model misses what u does (1 of 21 lags outside, 1.1 expected by chance)
    """
    left, heard = named_signals(residuals, output_names, "y"), named_signals(inputs, input_names, "u")
    for signal in heard.values():
        same_lengths("residuals and inputs", next(iter(left.values())), signal)
    silent, still = ([name for name, signal in side.items() if unchanging(signal)] for side in (left, heard))
    auto = {name: autocorrelation(signal, lags, level) for name, signal in left.items() if name not in silent}
    crossed = {
        (cause, name): cross_correlation(signal, left[name], range(lags + 1), level)
        for cause, signal in heard.items()
        for name in auto
        if cause not in still
    }
    tested = [_verdict(found, f"residual of {name}") for name, found in auto.items()]
    tested += [_verdict(found, f"{cause} and residual of {name}", cause) for (cause, name), found in crossed.items()]
    untested = [f"{who} never changes: nothing to test" for who in [f"residual of {name}" for name in silent] + still]
    return ResidualTests(auto, crossed, (*(text for _, text in tested), *untested), all(fine for fine, _ in tested))


def _verdict(found: Correlations, who: str, cause: str | None = None) -> tuple[bool, str]:
    """Whether chance explains these correlations, and a sentence that says so."""
    from scipy.special import bdtrc  # the binomial distribution's tail; here, as scipy takes long to import

    tested, outside, chance = max(int(np.isfinite(found.values).sum()), 1), found.outside, 1 - found.level
    alarms = chance / 2 if cause is None else chance  # what the joint bound may give of the false alarms
    loud = found.at((1 - alarms) ** (1 / tested)).outside
    as_many = float(bdtrc(len(outside) - 1, tested, chance))
    many = as_many < chance / 2
    count = f"{len(outside)} of {tested} lags outside, {chance * tested:.1f} expected by chance"
    if cause is None and len(outside) > chance * tested and not loud and not many:
        count += f"; so many and more by chance in {100 * as_many:.0f} % of tests"
    if cause is not None and many and not loud:
        return True, f"{who}: uncorrelated within bounds ({count}, but none far: neighbours go together)"
    if not loud and not many:
        return True, f"{who}: {'white' if cause is None else 'uncorrelated'} within bounds ({count})"
    misses = "dynamics, or the noise is not white" if cause is None else f"what {cause} does"
    return (
        False,
        f"{who}: {_listed(loud or outside)} {'clearly ' if loud else ''}outside: the model misses {misses} ({count})",
    )


def _listed(lags: Sequence[int]) -> str:
    """Lags in words; neighbours as one: lags 1 to 4, 9."""
    breaks = [n for n in range(len(lags)) if n == 0 or lags[n] != lags[n - 1] + 1]
    runs = [lags[begin:end] for begin, end in zip(breaks, [*breaks[1:], None], strict=True)]
    text = ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs[:SHOWN])
    return f"{'lag' if len(lags) == 1 else 'lags'} {text}{' and more' if len(runs) > SHOWN else ''}"
