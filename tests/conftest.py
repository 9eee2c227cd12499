"""What every test shares: float64 on the CPU, quick compilation kept between runs, and repeatable random examples."""

import os

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"
# Tests compile much and compute little: the compiler shall not think long.
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0".strip()

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


def pytest_configure(config: pytest.Config) -> None:
    """Compiled programs are kept in pytest's own cache folder."""
    if getattr(config, "cache", None) is not None:
        jax.config.update("jax_compilation_cache_dir", str(config.cache.mkdir("xla")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
