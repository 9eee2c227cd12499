"""Which engine computes, and why: as a value, and what of it can be told without JAX."""

import os
from dataclasses import dataclass
from importlib.metadata import version

from throughtime.engine.native.build import LIBRARY, SETS, facts
from throughtime.engine.native.shared_object import BY_DEFAULT, checked, opened

NAMES = ("native", "xla")
BY_VARIABLE = "chosen by THROUGHTIME_ENGINE"


@dataclass(frozen=True)
class EngineInfo:
    """Which engine computes, and why; `str` makes one line of it.

    engine           "native" or "xla"
    why              what made it so
    instruction_set  what the native engine uses: "avx512", "avx2" or "baseline"; "" with XLA
    file             the library's file name; "" if there is none
    built_with       the jaxlib it was built with; "" if there is none
    running_with     the jaxlib that is installed
    sanitizers       what the library was built with to find faults in it, "" as a rule
    """

    engine: str
    why: str
    instruction_set: str
    file: str
    built_with: str
    running_with: str
    sanitizers: str

    def __str__(self) -> str:
        parts = [
            self.instruction_set,
            self.built_with and f"built with jaxlib {self.built_with}",
            f"running with jaxlib {self.running_with}",
            self.sanitizers and f"sanitizers {self.sanitizers}",
            self.why,
        ]
        return f"{self.engine} engine: {', '.join(filter(None, parts))}"


def info_of(engine: str, why: str, instruction_set: str) -> EngineInfo:
    """What is known of an engine that computes, from what was noted when the library was built."""
    found = facts() if LIBRARY.exists() else {}
    return EngineInfo(
        engine=engine,
        why=why,
        instruction_set=instruction_set,
        file=LIBRARY.name if LIBRARY.exists() else "",
        built_with=found.get("jaxlib", ""),
        running_with=version("jaxlib"),
        sanitizers=found.get("sanitizers", ""),
    )


def asked(variable: str, possible: tuple[str, ...]) -> str:
    """What an environment variable asks for, "" if nothing."""
    value = os.environ.get(variable, "")
    if value and value not in possible:
        raise ValueError(f"{variable} is {value!r}: set it to {' or '.join(possible)}, or unset it")
    return value


def installed() -> EngineInfo | None:
    """What `engine_info` will say, without importing JAX; None where only XLA can tell whether it takes the library.

    It takes one that was built with this very jaxlib, that loads here and tells the records of this version, if JAX may use
    the platform cpu.
    """
    asked("THROUGHTIME_ISA", tuple(SETS))
    wanted = asked("THROUGHTIME_ENGINE", NAMES)
    if wanted == "xla":
        return info_of("xla", BY_VARIABLE, "")
    platforms = os.environ.get("JAX_PLATFORMS", "")
    if facts().get("jaxlib") != version("jaxlib") or (platforms and "cpu" not in platforms.split(",")):
        return None
    try:
        library = checked(opened(LIBRARY))
    except (OSError, AttributeError):
        return None
    why = BY_VARIABLE if wanted else BY_DEFAULT
    return info_of("native", why, library.throughtime_instruction_set().decode())
