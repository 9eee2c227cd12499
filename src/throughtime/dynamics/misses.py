"""How far forecasts along a record miss, from many places and so many steps ahead: what intervals are learned from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from throughtime.dynamics.holding import Mask
from throughtime.dynamics.records import Record
from throughtime.models.ensemble import Ensemble

Values = NDArray[np.float64]
ORIGINS = 100  # forecasts are made from about so many places of what was held out


def misses(together: Ensemble, record: Record, masks: Mask, groups: Sequence[Sequence[int]], most: int) -> list[Values]:
    """Errors (n, H, O) of forecasts along a record, for each group of members where its mask is True; NaN at gaps.

    masks   (F, T)
    groups  for each mask the networks whose mean forecasts there
    most    steps ahead, at most; no more than half of what the longest mask holds
    """
    longest = int(masks.sum(axis=1).max())
    horizon, stride = min(most, longest // 2), max(1, longest // ORIGINS)
    if horizon < 1 or len(record) <= horizon + stride or together.network.backward:
        return []
    starts = stride * (1 + np.arange((len(record) - horizon) // stride))
    ys, found = np.concatenate(list(together.forecasts(record.u, record.y, starts, horizon)), axis=1), []
    truth = record.y[starts[:, None] + np.arange(horizon)]
    for own, held in zip(groups, masks, strict=True):
        inside = held[starts] & held[starts + horizon - 1] & ~np.isnan(truth).all(axis=(1, 2))
        if len(own) and inside.any():
            found.append((truth - ys[list(own)].mean(axis=0))[inside])
    return found
