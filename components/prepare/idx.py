"""IDX archives, the format of MNIST and its kin: a magic number, a size a dimension, and the bytes.

An archive comes from outside, so it is believed only as far as it was read: the header is checked before memory
is taken for what it announces, and no more is decompressed than that.
"""

import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.core.errors import InvalidInput

LIMIT_BYTES = 4 << 30
"""The most bytes that one archive may hold when decompressed."""

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31
_MOST_COMPRESSED = 1_040  # deflate can't shrink anything to less than 1/1032 of its size
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class Kind:
    """What an archive holds, as its magic number says it."""

    noun: str
    magic: int
    n_dimensions: int


IMAGES = Kind("images", 0x00000803, 3)
LABELS = Kind("labels", 0x00000801, 1)


@dataclass(frozen=True)
class Archive:
    """An archive on disk.

    Attributes:
        path: the file; one whose name ends in `.gz` must be gzip, any other must not.
        kind: what it should hold.
        origin: what the user calls it, a path or an address, for messages.
    """

    path: Path
    kind: Kind
    origin: str

    def refused(self, problem):
        """Return the error that says what is wrong with this archive."""
        name = self.origin if self.origin.isprintable() else repr(self.origin)
        return InvalidInput(f"data_source: {name} {problem}")


def read_shape(archive):
    """Return the shape that the archive's header announces, (n,) or (n, height, width), reading no further.

    Raises:
        InvalidInput: not a readable file, not gzip, not IDX, of the other kind, empty, or too large.
    """
    with _opened(archive) as stream:
        return _read_header(stream, archive)


def read(archive):
    """Return the archive's content, uint8, of the shape that its header announces.

    Raises:
        InvalidInput: as `read_shape`; also when the content is damaged, shorter or longer than announced.
    """
    with _opened(archive) as stream:
        shape = _read_header(stream, archive)
        content = np.empty(math.prod(shape), np.uint8)
        n_read = stream.fill(content.data)
        if n_read < content.size:
            raise archive.refused(f"must hold {content.size:,} bytes after its header, but ends after {n_read:,}")
        if not stream.at_end():
            raise archive.refused(f"must end after its {shape[0]:,} {archive.kind.noun}, but more bytes follow")
    return content.reshape(shape)


class _Stream:
    """The bytes of an archive, decompressed as they are asked for; a context manager that closes the file."""

    def __init__(self, archive, file):
        self._archive, self._file = archive, file
        self._chunks = self._inflated() if archive.path.suffix == ".gz" else self._plain()
        self._rest = memoryview(b"")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def fill(self, buffer):
        """Fill `buffer` as far as the bytes go; return how many were there."""
        n_filled = 0
        while n_filled < len(buffer) and not self.at_end():
            part = self._rest[: len(buffer) - n_filled]
            buffer[n_filled : n_filled + len(part)] = part
            self._rest = self._rest[len(part) :]
            n_filled += len(part)
        return n_filled

    def at_end(self):
        """Return whether no byte is left. At the end of a gzip archive its checksum has been checked."""
        while not self._rest:
            try:
                chunk = next(self._chunks, None)
            except OSError as error:
                raise self._archive.refused(f"can't be read: {error.strerror or error}") from error
            except zlib.error:
                raise self._archive.refused("must be an undamaged gzip archive, but its bytes were altered") from None
            if chunk is None:
                return True
            self._rest = memoryview(chunk)
        return False

    def _plain(self):
        while chunk := self._file.read(_CHUNK_BYTES):
            yield chunk

    def _inflated(self):
        """Yield the content of one gzip member after another, never more than a chunk at once."""
        data = self._file.read(_CHUNK_BYTES)
        if not data.startswith(_GZIP_MAGIC):
            raise self._archive.refused(f"must be a gzip archive, but {_looks_like(data)}")
        while data:
            if not data.startswith(_GZIP_MAGIC):
                raise self._archive.refused("must end with its gzip archive, but other bytes follow")
            data = yield from self._member(data)

    def _member(self, data):
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        while not inflater.eof:
            yield inflater.decompress(data, _CHUNK_BYTES)
            data = inflater.unconsumed_tail or (b"" if inflater.eof else self._file.read(_CHUNK_BYTES))
            if not data and not inflater.eof:
                raise self._archive.refused("must be a whole gzip archive, but its end is missing")
        rest = inflater.unused_data
        return rest if len(rest) > 1 else rest + self._file.read(_CHUNK_BYTES)


def _opened(archive):
    # A folder, a device or a pipe with an archive's name must not be opened: it could block for ever.
    try:
        if not archive.path.is_file():
            raise archive.refused("must be a file, and is none")
        return _Stream(archive, archive.path.open("rb"))
    except OSError as error:
        raise archive.refused(f"can't be read: {error.strerror or error}") from error


def _read_header(stream, archive):
    kind = archive.kind
    header = bytearray(4 + 4 * kind.n_dimensions)
    n_read = stream.fill(memoryview(header))
    magic = int.from_bytes(header[:4], "big")
    if n_read >= 4 and magic != kind.magic:
        raise archive.refused(f"must hold {kind.noun} (magic number {kind.magic:#010x}), but {_describe(header)}")
    if n_read < len(header):
        raise archive.refused(f"must begin with {len(header)} bytes of header, but holds only {n_read}")
    shape = struct.unpack(f">{kind.n_dimensions}I", header[4:])
    _check_shape(shape, archive)
    return shape


def _describe(header):
    magic = int.from_bytes(header[:4], "big")
    other = {kind.magic: kind.noun for kind in (IMAGES, LABELS)}.get(magic)
    return f"it holds {other} ({magic:#010x})" if other else f"its magic number is {magic:#010x}"


def _check_shape(shape, archive):
    announced = " x ".join(str(size) for size in shape)
    if 0 in shape:
        raise archive.refused(f"must hold at least one of its {archive.kind.noun}, but its header says {announced}")
    n_bytes = math.prod(shape)
    if n_bytes > LIMIT_BYTES:
        raise archive.refused(f"may hold {LIMIT_BYTES:,} bytes at most, but its header says {announced}")
    n_stored = archive.path.stat().st_size
    if n_bytes > n_stored * _MOST_COMPRESSED:
        problem = f"is too short: its header says {announced} bytes, and {n_stored:,} can't hold that many"
        raise archive.refused(problem)


def _looks_like(data):
    if not data:
        return "it is empty"
    if data.lstrip()[:1] == b"<":
        return "it looks like a web page"
    return f"it begins with the bytes {data[:4].hex(' ')}"
