"""The delays that were found, and the correlations that they come from."""

from typing import Any

import numpy as np

from throughtime.dynamics.correlation import Correlations
from throughtime.dynamics.delays import Delays


def plain(found: Delays) -> dict[str, Any]:
    """As `delays` gives them to scripts."""

    def listed(c: Correlations) -> dict[str, Any]:
        return {"lags": np.asarray(c.lags).tolist(), "values": list(c.values), "bound": np.asarray(c.bound).tolist()}

    return {
        "inputs": list(found.inputs),
        "outputs": list(found.outputs),
        "tried": [tried._asdict() for tried in found.search.tried] if found.search else [],
        "partial autocorrelation": {name: listed(c) for name, c in found.partial.items()},
        "cross-correlation": {" -> ".join(pair): listed(c) for pair, c in found.crossed.items()},
    }
