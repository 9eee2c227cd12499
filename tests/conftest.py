"""What every test shares: float64 on the CPU, quick compilation kept between runs, and repeatable random examples."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ["THROUGHTIME_CACHE"] = "off"  # what a test has changed would be kept under the name of what it was

import hypothesis
import jax
import pytest

hypothesis.settings.register_profile(
    "laws",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=15,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large],
)
hypothesis.settings.register_profile("search", parent=hypothesis.settings.get_profile("laws"), derandomize=False)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "laws"))


# Tests compile much and compute little. XLA shall not think long: unoptimised, its older and quicker code generator for
# fused loops, one piece per program. Together a third of the time.
FLAGS = (
    "--xla_backend_optimization_level=0",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
)


def _known(flags: tuple[str, ...]) -> list[str]:
    """Those that this jaxlib knows. It ends its process at the first that it does not, so they are tried in another one."""

    def taken(*some: str) -> bool:
        environment = os.environ | {"XLA_FLAGS": " ".join(some)}
        command = [sys.executable, "-c", "import jax; jax.devices()"]
        return not subprocess.run(command, env=environment, capture_output=True, check=False).returncode

    return list(flags) if taken(*flags) else [flag for flag in flags if taken(flag)]


def _remembered(config: pytest.Config) -> list[str]:
    """The known flags, tried once for each jaxlib."""
    cache, key = getattr(config, "cache", None), f"xla_flags/{version('jaxlib')}"
    found = cache.get(key, None) if cache is not None else None
    if found is None:
        found = _known(FLAGS)
        if cache is not None:
            cache.set(key, found)
    return found


def pytest_configure(config: pytest.Config) -> None:
    """Flags for XLA, which reads them when it first computes; compiled programs are kept in pytest's own cache folder."""
    os.environ["XLA_FLAGS"] = " ".join((os.environ.get("XLA_FLAGS", ""), *_remembered(config)))
    if getattr(config, "cache", None) is not None:
        jax.config.update("jax_compilation_cache_dir", str(config.cache.mkdir("xla")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture(autouse=True, scope="module")
def _forget_compiled_programs() -> Iterator[None]:
    """Compiled programs of a whole run would fill the memory; what is needed again comes from the cache on disk."""
    yield
    from throughtime.engine import programs  # only now: jaxtyping looks at what is imported after it

    programs.forget()


def pytest_collection_finish() -> None:
    """What was imported stays; tracing makes many objects and few cycles, and looking for these takes up to a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
