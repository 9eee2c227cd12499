"""Names of a package that are imported when they are first asked for: who asks for none of them waits for nothing."""

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


class LaterModule(ModuleType):
    """A module that is imported when something of it is first asked for."""

    def __getattr__(self, name: str) -> Any:
        """What the module has under that name."""
        return getattr(import_module(self.__name__), name)


def getattr_of(package: str, places: Mapping[str, Iterable[str]]) -> Callable[[str], Any]:
    """The `__getattr__` of a package, which Python calls for a name that is not there yet.

    places  {module of the package: names that it has, "name" or "name as another"}; "": the names are modules themselves

    >>> getattr_of("throughtime", {"network": ["Layer", "from_json as read_network"]})("Layer").__name__
    'Layer'
    """
    homes: dict[str, tuple[str, str]] = {}
    for module, names in places.items():
        for text in names:
            own, _, name = text.partition(" as ")
            homes[name or own] = module, own

    def found(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, own = homes[name]
        value = getattr(import_module(f"{package}.{module}"), own) if module else import_module(f"{package}.{own}")
        setattr(sys.modules[package], name, value)  # so it is asked for once
        return value

    return found
