"""Numbers as files hold them, read into the two types that a network is fed with: uint8 and float32.

Bytes stay bytes; every other number becomes float32. One that float32 can't hold is refused with its position,
since what a network learns from must be what the file says.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from components.sources.places import Place

Array = np.ndarray[Any, Any]
Fill = Callable[[memoryview], int]
"""Fills a buffer with the next bytes of a file, as far as they go, and returns how many there were."""

_CHUNK = 1 << 18  # elements that are converted at once
_FLOAT32_DIGITS = 24  # binary digits that float32 holds


def input_dtype(stored: np.dtype[Any]) -> np.dtype[Any]:
    """Return what inputs of a stored type become: uint8 (bytes and truth values) or float32 (all other numbers)."""
    return np.dtype(np.uint8 if stored.kind == "b" or stored == np.uint8 else np.float32)


def read_stored(fill: Fill, stored: np.dtype[Any], shape: tuple[int, ...], place: Place) -> Array:
    """Return an array of the stored type, as it is.

    Raises:
        InvalidInput: the file ends before it.
    """
    content = np.empty(math.prod(shape) * stored.itemsize, np.uint8)
    _fill_whole(fill, content, 0, content.size, place)
    return content.view(stored).reshape(shape)


def read_inputs(
    fill: Fill, stored: np.dtype[Any], shape: tuple[int, ...], place: Place, fortran_order: bool = False
) -> Array:
    """Return an array as uint8 or float32, converted chunk by chunk so that memory holds it once.

    Raises:
        InvalidInput: the file ends before it, or holds a number that can't be converted.
    """
    count, kept = math.prod(shape), input_dtype(stored)
    values = np.empty(count, kept)
    order: Literal["C", "F"] = "F" if fortran_order else "C"
    if kept == np.uint8:
        _fill_whole(fill, values, 0, values.size, place)
        if stored.kind == "b":
            np.minimum(values, 1, out=values)
    else:
        buffer = np.empty(min(_CHUNK, count) * stored.itemsize, np.uint8)
        for start in range(0, count, _CHUNK):
            n_bytes = min(_CHUNK, count - start) * stored.itemsize
            _fill_whole(fill, buffer[:n_bytes], start * stored.itemsize, count * stored.itemsize, place)
            found = buffer[:n_bytes].view(stored)
            converted, bad = to_float32(found)
            if bad is not None:
                position = [int(index) for index in np.unravel_index(start + bad, shape, order)]
                stands = f"at {position} stands {found[bad].item()!r}{_other_way_round(found[bad])}"
                raise place.refused(f"must hold {_rule(stored)}, but {stands}")
            values[start : start + len(found)] = converted
    return values.reshape(shape[::-1]).T if fortran_order else values.reshape(shape)


def to_float32(found: Array) -> tuple[Array, int | None]:
    """Return numbers as float32, and the position of the first that can't be converted, or None."""
    with np.errstate(over="ignore", invalid="ignore"):
        converted = found.astype(np.float32)
    good = np.isfinite(converted) if found.dtype.kind == "f" else _are_exact(found)
    return converted, None if good.all() else int(np.argmin(good))


def _are_exact(integers: Array) -> Array:
    """Return which integers float32 holds exactly: from the first to the last set bit, they span 24 at most."""
    if integers.dtype.itemsize <= 2:
        return np.ones(len(integers), bool)
    wide = integers if integers.dtype.kind == "u" else np.abs(integers.astype(np.int64))
    magnitude = wide.astype(np.uint64)  # the smallest int64 has stayed negative, and wraps to its magnitude
    lowest_bit = magnitude & (~magnitude + np.uint64(1))
    return magnitude // np.maximum(lowest_bit, np.uint64(1)) < np.uint64(1 << _FLOAT32_DIGITS)


def _other_way_round(number: Any) -> str:
    """Return what a number that can't be right is in the other byte order, or nothing where that is no better."""
    swapped = number.byteswap().item()
    is_better = swapped == 0 or 1e-9 < abs(swapped) < 1e9
    return f" (with its bytes the other way round {swapped!r})" if is_better else ""


def _rule(stored: np.dtype[Any]) -> str:
    return "finite numbers that float32 can hold" if stored.kind == "f" else "integers that float32 holds exactly"


def _fill_whole(fill: Fill, buffer: Array, n_before: int, n_expected: int, place: Place) -> None:
    n_read = fill(buffer.data)
    if n_read < buffer.size:
        problem = f"must hold {n_expected:,} bytes after its header, but ends after {n_before + n_read:,}"
        raise place.refused(problem)
