"""IDX files, the format of MNIST and its kin: a magic number, a size a dimension, and the numbers, big-endian.

A file comes from outside, so it is believed only as far as it was read: the header is checked before memory is
taken for what it announces, and no more is decompressed than that.
"""

import math
import re
import struct
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from components.core import events
from components.sources import arrays
from components.sources.byte_stream import ByteStream, is_packed, looks_like
from components.sources.places import Place
from components.sources.raw import Header, Headers, RawData, RawSplit, check_headers, times

CLASSIC_NAMES = {
    "train_inputs": "train-images-idx3-ubyte.gz",
    "train_labels": "train-labels-idx1-ubyte.gz",
    "test_inputs": "t10k-images-idx3-ubyte.gz",
    "test_labels": "t10k-labels-idx1-ubyte.gz",
}
"""The names that MNIST gave the four files, by what they hold; without `.gz` they are not compressed."""

ELEMENT_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
"""Element types by the third byte of the magic number."""

_NAME = re.compile(
    r"(?:.*[-_.])?(?P<split>train|t10k|test)[-_.](?P<part>images|labels)[-_.]idx[1-9][-_.][a-z]+[0-9]*(?:\.gz)?",
    re.IGNORECASE,
)
_MOST_LISTED = 8
_CHUNK = 1 << 18  # elements that are looked at at once
_MOST_DIMENSIONS = 32
_WIDEST = 8  # bytes of the widest element
_MOST_COMPRESSED = 1_040  # deflate can't shrink anything to less than 1/1032 of its size


def candidates(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the names that an IDX data set's files may have, by what they hold."""
    found: dict[str, list[str]] = {role: [] for role in CLASSIC_NAMES}
    for name in sorted(names):
        if match := _NAME.fullmatch(name):
            split = "train" if match["split"].lower() == "train" else "test"
            found[f"{split}_{'inputs' if match['part'].lower() == 'images' else 'labels'}"].append(name)
    return found


def holds_inputs(name: str) -> bool:
    """Return whether a file's name, that of the last folder left out, is one of a data set's inputs."""
    match = _NAME.fullmatch(name.rpartition("/")[2])
    return bool(match and match["part"].lower() == "images")


def seen(names: Iterable[str]) -> str:
    """Return names as they may stand in a message, the first few of many."""
    visible = sorted(name for name in names if not name.startswith("."))
    shown = [name if name.isprintable() else repr(name) for name in visible[:_MOST_LISTED]]
    n_more = len(visible) - len(shown)
    return (", ".join(shown) + (f" and {n_more:,} more" if n_more else "")) or "nothing"


def choose(folder: Place, names: Collection[str]) -> dict[str, Place]:
    """Return the four files of a folder by what they hold.

    Raises:
        InvalidInput: one is missing, or there are two that may be meant.
    """
    chosen = {}
    for role, found in candidates(names).items():
        classic = CLASSIC_NAMES[role]
        if not found:
            rule = f"must be a folder with {classic}, or a file of a like name, and has none; it holds {seen(names)}"
            raise folder.refused(f"{rule}; give the file that is meant such a name")
        if len(found) > 1:
            rule = f"must be a folder with one file like {classic}"
            raise folder.refused(f"{rule}, but holds {' and '.join(found)}; move all but one elsewhere")
        chosen[role] = folder / found[0]
    return chosen


def check(files: dict[str, Place], source: Place) -> Headers:
    """Return the four headers, after checking that they go together and that memory can hold what they announce.

    Raises:
        InvalidInput: the message names the file.
    """
    headers = Headers(**{role: read_header(place, role.endswith("labels")) for role, place in files.items()})
    check_headers(headers, source)
    return headers


def read(files: dict[str, Place], source: Place) -> RawData:
    """Return the data set that four files hold.

    Args:
        files: the four files by what they hold, see `CLASSIC_NAMES`.
        source: what they are all part of.

    Raises:
        InvalidInput: a file is damaged, or doesn't go with the others; the message names it.
    """
    check(files, source)
    train, test = (
        RawSplit(
            read_inputs(files[f"{split}_inputs"]), read_labels(files[f"{split}_labels"]), files[f"{split}_labels"]
        )
        for split in ("train", "test")
    )
    return RawData(train, test)


def read_header(place: Place, of_labels: bool) -> Header:
    """Return what the file's header announces, reading no further.

    Raises:
        InvalidInput: not a readable file, not gzip, not IDX, of the other kind, or empty.
    """
    with ByteStream(place) as stream:
        return _header(stream, place, of_labels)


def read_inputs(place: Place) -> arrays.Array:
    """Return a file's inputs, uint8 or float32, of the shape that its header announces.

    Raises:
        InvalidInput: as `read_header`; also when the content is damaged, or shorter or longer than announced.
    """
    with ByteStream(place) as stream:
        header = _header(stream, place, of_labels=False)
        content = arrays.read_inputs(stream.fill, header.dtype, header.shape, place)
        _check_end(stream, header)
    if doubt := _other_byte_order(content, header.dtype):
        events.note(f"data_source: {place.shown} is read as big-endian, though {doubt}")
    return content


def read_labels(place: Place) -> arrays.Array:
    """Return a file's labels, int64.

    Raises:
        InvalidInput: as `read_inputs`.
    """
    with ByteStream(place) as stream:
        header = _header(stream, place, of_labels=True)
        content = arrays.read_stored(stream.fill, header.dtype, header.shape, place)
        _check_end(stream, header)
    if doubt := _other_byte_order(content, header.dtype):
        raise place.refused(f"must hold big-endian labels, but {doubt}; write them big-endian, or as bytes")
    return content.astype(np.int64)


def _check_end(stream: ByteStream, header: Header) -> None:
    """Refuse bytes after what the header announces; as many again as elements of another type would take tell why."""
    if stream.at_end():
        return
    most = header.n_bytes * _WIDEST
    n_more = stream.count_rest(most)
    found = f"more than {most:,}" if n_more == most else f"{n_more:,}"
    problem = f"must end after its {header.shape[0]:,} {header.noun}, but more bytes follow, {found}"
    n_elements = math.prod(header.shape)
    n_each, rest = divmod(header.n_bytes + n_more, n_elements)
    if not rest and n_each in (2, 4, 8) and n_more < most:
        stored = f"{n_each} bytes a number where its header says {header.dtype.itemsize} ({_named(header.dtype)})"
        problem += f": {stored}; write the numbers in the header's type, or the header of the numbers' type"
    raise header.place.refused(problem)


def _named(dtype: np.dtype[Any]) -> str:
    code = next(code for code, known in ELEMENT_TYPES.items() if known == dtype)
    return f"0x{code:02x}, {dtype.name}"


def _other_byte_order(values: arrays.Array, stored: np.dtype[Any]) -> str:
    """Return why integers seem to be little-endian, or nothing: small ones, read the wrong way round, have only
    zeros in all bytes but the highest."""
    if stored.kind != "i" or stored.itemsize == 1 or not values.any():
        return ""
    step, flat = 256 ** (stored.itemsize - 1), values.reshape(-1)
    chunks = (flat[start : start + _CHUNK] for start in range(0, flat.size, _CHUNK))
    if any(np.remainder(chunk, step).any() for chunk in chunks):
        return ""
    first = np.array(flat[np.argmax(flat != 0)], stored)
    return f"all are multiples of {step:,} (the first {first.item():,}, little-endian {first.byteswap().item():,})"


def _header(stream: ByteStream, place: Place, of_labels: bool) -> Header:
    dtype, n_dimensions = _read_magic(stream, place, of_labels)
    sizes = bytearray(4 * n_dimensions)
    n_read = stream.fill(memoryview(sizes))
    if n_read < len(sizes):
        raise place.refused(f"must begin with {4 + len(sizes)} bytes of header, but holds only {4 + n_read}")
    header = Header(place, dtype, struct.unpack(f">{n_dimensions}I", sizes))
    _check_size(header)
    return header


def _read_magic(stream: ByteStream, place: Place, of_labels: bool) -> tuple[np.dtype[Any], int]:
    magic = bytearray(4)
    n_read = stream.fill(memoryview(magic))
    if n_read < 4:
        if not is_packed(place) and not n_read:
            raise place.refused(f"must be an IDX file, but {looks_like(b'')}")
        raise place.refused(f"must begin with 4 bytes of magic number, but holds only {n_read}")
    n_dimensions = magic[3]
    dtype = ELEMENT_TYPES.get(magic[2])
    if magic[:2] != b"\0\0" or dtype is None or not 1 <= n_dimensions <= _MOST_DIMENSIONS:
        problem = f"must be an IDX file of {_expected(of_labels)}, but its magic number is 0x{magic.hex()}"
        raise place.refused(f"{problem}{_explained(bytes(magic))}")
    if of_labels != (n_dimensions == 1) or (of_labels and dtype.kind == "f"):
        found = f"{'labels' if n_dimensions == 1 else 'images'} of {n_dimensions} dimension(s), {dtype.name}"
        raise place.refused(f"must hold {_expected(of_labels)}, but it holds {found} (magic number 0x{magic.hex()})")
    return dtype, n_dimensions


def _explained(magic: bytes) -> str:
    """Return what four bytes that are no magic number tell nevertheless."""
    if magic[2:] == b"\0\0" and magic[1] in ELEMENT_TYPES and 1 <= magic[0] <= _MOST_DIMENSIONS:
        return ", which is little-endian; write header and numbers big-endian"
    if magic[:2] == b"\0\0" and magic[2] not in ELEMENT_TYPES:
        known = ", ".join(f"{code:02x} ({dtype.name})" for code, dtype in ELEMENT_TYPES.items())
        return f", whose element type {magic[2]:02x} is none of {known}"
    return f": {looks_like(magic)}"


def _expected(of_labels: bool) -> str:
    return "labels, integers of 1 dimension" if of_labels else "images or rows, numbers of at least 2 dimensions"


def _check_size(header: Header) -> None:
    announced = times(header.shape)
    if 0 in header.shape:
        problem = f"must hold at least one of its {header.noun}, but its header says {announced}"
        raise header.place.refused(problem)
    n_bytes = math.prod(header.shape) * header.dtype.itemsize
    n_stored = header.place.path.stat().st_size
    most = n_stored * (_MOST_COMPRESSED if is_packed(header.place) else 1)
    if n_bytes > most:
        problem = f"is too short: its header says {announced} numbers of {header.dtype.itemsize} byte(s)"
        problem += f", and a file of {n_stored:,} bytes can't hold that many"
        swapped = [int.from_bytes(size.to_bytes(4, "little"), "big") for size in header.shape]
        if 0 < math.prod(swapped) * header.dtype.itemsize <= most:
            problem += f"; read as little-endian it says {times(swapped)}: write sizes and numbers big-endian"
        raise header.place.refused(problem)
