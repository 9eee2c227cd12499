"""A network that is stepped without JAX: C entries of the library, in which its weights lie packed.

What goes in and comes out are bytes: ctypes hands them on as they are, several times as fast as it asks an array where its
numbers lie.
"""

import ctypes
import struct
import threading
import weakref
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from throughtime.engine.effective import Weights
from throughtime.engine.native import records
from throughtime.engine.native.loading import load
from throughtime.engine.native.wiring import NUMBERS, kind_of, whole
from throughtime.engine.schedule import present_order
from throughtime.network import Network

Values = NDArray[np.float64]
LONG = 1_000_000  # weights: from here on a step takes longer than others should wait for the interpreter
MEMORY = 3  # what a call returns where there is none


class Scaling(NamedTuple):
    """seen = (value - mean) / scale, of each column of u (I,) and y (O,); y is shown within low and high."""

    mean_u: Values
    scale_u: Values
    mean_y: Values
    scale_y: Values
    low_y: Values
    high_y: Values


def takes(network: Network, dtype: Any) -> bool:
    """Whether the library steps such a network: forward, all units built in, in float32 or float64."""
    known = all(layer.unit in NUMBERS and not layer.backward for layer in network.layers)
    return known and dtype in (np.float32, np.float64) and load().loaded is not None


class LibrarySteps:
    """A network in the library, member beside member; freed with this.

    network, acting, dtype  the wiring, and the weights that act, with a leading axis of members, in that type
    members                 K
    scaling                 of the columns
    fed                     the row of the output's past, counted back from the newest, that a measured output takes; None: none
    mark                    8 bytes, with which its states begin
    """

    def __init__(
        self,
        network: Network,
        acting: Weights,
        dtype: Any,
        members: int,
        scaling: Scaling,
        fed: int | None,
        mark: bytes,
    ) -> None:
        layers, (number,) = present_order(network), struct.unpack("q", mark)
        output = [layer.name for layer in layers].index(network.output)
        call = records.StreamCall(number, members, output, -1 if fed is None else fed, whole(network))
        arrays, numbers = _arrays(network, acting, dtype, members), records.numbers(call)
        library = _library(sum(a.size for a in arrays) >= LONG)
        address = library.throughtime_stream_make(
            (ctypes.c_int64 * len(numbers))(*numbers),
            len(numbers),
            _addresses(arrays),
            _addresses([np.ascontiguousarray(values, np.float64) for values in scaling]),
            dtype == np.float64,
        )
        if not address:
            raise MemoryError("there is no memory for the network's weights")
        weakref.finalize(self, library.throughtime_stream_free, address).atexit = False  # a thread may be in it
        self.size: int = library.throughtime_stream_bytes(address)
        self._self, self._answer = struct.pack("P", address), _Answer(len(scaling.mean_y))
        self._wide = 8 * len(scaling.mean_u), 8 * len(scaling.mean_y)
        self._step, self._hear = library.throughtime_stream_step, library.throughtime_stream_hear

    def step(self, state: bytes, u: bytes) -> tuple[Values, bytes] | None:
        """y (O,) and the state after it; None: the state is another network's, or u no row of doubles that it can see.

        state  `size` bytes
        """
        if len(u) != self._wide[0]:
            return None
        after, answer = bytes(self.size), self._answer  # nobody else has seen these bytes when they are written
        came = self._step(self._self, state, u, after, answer.address)
        if came == MEMORY:
            raise MemoryError("there is no memory for a step")
        return None if came else (answer.y.copy(), after)

    def hear(self, state: bytes, measured: bytes) -> bytes | None:
        """The state with what was measured in it (NaN: not); None as above."""
        if len(measured) != self._wide[1]:
            return None
        after = bytes(self.size)
        return None if self._hear(self._self, state, measured, after) else after


class _Answer(threading.local):
    """Where a thread's outputs are written, and the bytes of its address."""

    def __init__(self, outputs: int) -> None:
        self.y = np.zeros(outputs)
        self.address = struct.pack("P", self.y.ctypes.data)


@cache
def _library(long: bool) -> Any:
    """The library; only long calls let other threads run meanwhile, who would not give back at once what a short one let go."""
    loaded = load().loaded
    assert loaded is not None
    made = (ctypes.CDLL if long else ctypes.PyDLL)(None, handle=loaded._handle)
    made.throughtime_stream_make.restype = ctypes.c_void_p
    made.throughtime_stream_make.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_void_p] * 2, ctypes.c_int]
    made.throughtime_stream_free.argtypes = made.throughtime_stream_bytes.argtypes = [ctypes.c_void_p]
    made.throughtime_stream_free.restype, made.throughtime_stream_bytes.restype = None, ctypes.c_size_t
    return made


def _arrays(network: Network, acting: Weights, dtype: Any, members: int) -> list[Any]:
    """Layer by layer the bias, and the weights of its connections; in the order in which the library reads them."""
    made: list[Any] = []
    for layer in present_order(network):
        own = acting[layer.name]
        made.append(own.get("bias", np.zeros((members, len(layer.nets), layer.size))))
        made += [own[c.key] for c in layer.connections if kind_of(c) != "identity"]
    return [np.ascontiguousarray(array, dtype) for array in made]


def _addresses(arrays: list[Any]) -> Any:
    return (ctypes.c_void_p * len(arrays))(*[array.ctypes.data for array in arrays])
