"""tanh and the logistic function of the native engine, for every instruction set: errors, special values, limits."""

import ctypes
import platform
import shutil
from collections.abc import Callable

import numpy as np
import pytest

from throughtime.engine.native.build import LIBRARY

SETS = ("baseline", "avx2", "avx512") if platform.machine() in ("x86_64", "AMD64") else ("baseline",)
ULPS = {np.float32: 2.5, np.float64: 3.0}
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
Function = Callable[[str, np.ndarray], np.ndarray]

pytestmark = pytest.mark.skipif(not LIBRARY.exists(), reason="there is no native engine")


@pytest.fixture(scope="module", params=SETS)
def call(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Function:
    """A copy of the library is a library of its own, and chooses the instruction set anew."""
    copy = shutil.copy(LIBRARY, tmp_path_factory.mktemp(request.param) / "library.so")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THROUGHTIME_ISA", request.param)
        library = ctypes.CDLL(str(copy))
        library.throughtime_instruction_set.restype = ctypes.c_char_p
        chosen = library.throughtime_instruction_set().decode()
    if chosen != request.param:
        pytest.skip(f"this processor has no {request.param}")

    def function(name: str, x: np.ndarray) -> np.ndarray:
        y = np.full_like(x, np.nan)
        width = x.dtype.itemsize * 8
        pointers = (ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data), ctypes.c_ssize_t(len(x)))
        getattr(library, f"throughtime_{name}_f{width}")(*pointers)
        return y

    return function


def points(dtype: type, least: float) -> np.ndarray:
    """Both signs of numbers of every magnitude, dense where the functions bend; an odd number of them."""
    rng = np.random.default_rng(0)
    tiny = float(np.finfo(dtype).smallest_subnormal)
    some = [
        np.exp(rng.uniform(np.log(tiny), np.log(1e30), 50_001)),
        *(rng.uniform(0, m, 300_000) for m in (1, 20, -least)),
    ]
    x = np.concatenate(some).astype(dtype)
    return np.concatenate([x, -x, np.zeros(1, dtype)])


def exact(name: str, x: np.ndarray) -> np.ndarray:
    """The function with more digits than `x` has."""
    wide = x.astype(np.float64 if x.dtype == np.float32 else np.longdouble)
    with np.errstate(over="ignore", under="ignore"):
        return np.tanh(wide) if name == "tanh" else 1 / (1 + np.exp(-wide))


def ulps(y: np.ndarray, true: np.ndarray) -> np.ndarray:
    """|y - true| in units of the last place of the numbers around `true`."""
    _, exponent = np.frexp(true)
    facts = np.finfo(y.dtype)
    unit = np.ldexp(np.ones_like(true), np.maximum(exponent - facts.nmant - 1, facts.minexp - facts.nmant))
    return np.asarray(np.abs(y - true) / unit)


@DTYPES
@pytest.mark.parametrize("name", ["tanh", "logistic"])
def test_error_in_units_of_the_last_place(call: Function, name: str, dtype: type) -> None:
    if dtype == np.float64 and np.finfo(np.longdouble).nmant < 60:
        pytest.skip("there are no longer numbers to compare with")
    least = -87.3 if dtype == np.float32 else -708.3
    x = points(dtype, least)
    if name == "logistic":
        x = x[x > least]
    y = call(name, x)
    assert ulps(y, exact(name, x)).max() <= ULPS[dtype]
    assert np.all(np.abs(y) <= 1)
    assert name == "tanh" or np.all(y >= 0)


@DTYPES
def test_the_yardstick_sees_four_units(dtype: type) -> None:
    x = np.array([-2.0, 0.3, 5.0], dtype)
    assert np.all(ulps(exact("tanh", x).astype(dtype), exact("tanh", x)) <= 0.5)
    wrong = (exact("tanh", x) * (1 + 4 * np.finfo(dtype).eps)).astype(dtype)
    assert np.all(ulps(wrong, exact("tanh", x)) > ULPS[dtype])


@DTYPES
def test_special_values(call: Function, dtype: type) -> None:
    tiny = float(np.finfo(dtype).smallest_subnormal)
    x = np.array([0, -0.0, np.inf, -np.inf, np.nan, tiny, -tiny, 1e30, -1e30], dtype)
    y = call("tanh", x)
    np.testing.assert_array_equal(y, np.array([0, -0.0, 1, -1, np.nan, tiny, -tiny, 1, -1], dtype))
    np.testing.assert_array_equal(np.signbit(y[:2]), [False, True])
    np.testing.assert_array_equal(call("logistic", x), np.array([0.5, 0.5, 1, 0, np.nan, 0.5, 0.5, 1, 0], dtype))


@DTYPES
def test_saturation_is_exact_and_stays(call: Function, dtype: type) -> None:
    tanh_is_1, logistic_is_1, logistic_is_0 = (9.02, 17.4, -104) if dtype == np.float32 else (19.07, 37.5, -746)
    upwards = np.geomspace(1, 1e30, 100_003).astype(dtype)
    assert np.all(call("tanh", upwards * dtype(tanh_is_1)) == 1)
    assert np.all(call("logistic", upwards * dtype(logistic_is_1)) == 1)
    assert np.all(call("logistic", upwards * dtype(logistic_is_0)) == 0)


@DTYPES
def test_where_the_logistic_function_is_below_normal_numbers(call: Function, dtype: type) -> None:
    smallest = np.finfo(dtype).tiny
    start = np.log(float(smallest))
    y = call("logistic", np.linspace(start * 1.05, start, 100_001).astype(dtype))
    assert np.all(y >= 0)
    assert np.all(y <= smallest * 1.001)
