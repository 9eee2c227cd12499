"""What scikit-learn asks of an estimator, without scikit-learn, which takes longer to import than JAX."""

from inspect import signature
from typing import Any, Self

import numpy as np

from throughtime.checks import quoted


class Parameters:
    """Settings that are the arguments of the constructor, kept under their names: they can be cloned, shown and searched over."""

    @classmethod
    def _names(cls) -> list[str]:
        return sorted(name for name in signature(cls.__init__).parameters if name != "self")

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002  # scikit-learn's; nothing is nested here
        """The settings by their names, as scikit-learn asks for them."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **settings: Any) -> Self:
        """Set some of them; a ValueError for a name that is none."""
        known = self._names()
        for name, value in settings.items():
            if name not in known:
                raise ValueError(f"{type(self).__name__} has no setting {name!r}; it has {', '.join(known)}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        """Those that are not as usual."""
        usual = signature(type(self).__init__).parameters
        said = [f"{name}={value!r}" for name, value in self.get_params().items() if value is not usual[name].default]
        return f"{type(self).__name__}({', '.join(said)})"

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn wants to know of any estimator."""
        from sklearn.base import BaseEstimator

        return BaseEstimator().__sklearn_tags__()


def random_state(seed: Any) -> Any:
    """The numpy `RandomState` of a seed; None: the one that all share; a `RandomState` as it is."""
    if seed is None:
        return np.random
    if isinstance(seed, np.random.RandomState):
        return seed
    if isinstance(seed, int | np.integer) and not isinstance(seed, bool) and 0 <= seed < 2**32:
        return np.random.RandomState(int(seed))
    raise ValueError(
        f"random_state must be a whole number from 0 to 2**32 - 1, a RandomState or None, not {quoted(seed)}"
    )
