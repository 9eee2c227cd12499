"""The public names: explicit, sorted, documented, with examples that run."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import throughtime as tt

MODULES = [m.name for m in pkgutil.walk_packages(tt.__path__, "throughtime.") if "__main__" not in m.name]


def test_all_is_sorted_and_complete():
    assert tt.__all__ == sorted(tt.__all__, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
    for name in tt.__all__:
        assert getattr(tt, name) is not None


@pytest.mark.parametrize("name", [n for n in tt.__all__ if n != "units"])
def test_every_public_name_says_what_it_means(name: str):
    assert inspect.getdoc(getattr(tt, name)), f"{name} has no docstring"


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_run(module: str):
    failed, _ = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert failed == 0
