"""The bytes of a file, plain or gzip, read no further than they are asked for, and what a file looks like."""

import zlib
from collections.abc import Generator, Iterator
from typing import BinaryIO

from components.sources.places import Place

_GZIP_MAGIC = b"\x1f\x8b"
_KINDS = {
    _GZIP_MAGIC: "a gzip archive; its name must end in .gz",
    b"PK": "a zip archive; unpack it",
    b"BZh": "a bzip2 archive; unpack it, or pack it with gzip",
    b"\xfd7zXZ": "an xz archive; unpack it, or pack it with gzip",
    b"\x28\xb5\x2f\xfd": "a zstd archive; unpack it, or pack it with gzip",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"\x93NUMPY": "a numpy array; see the .npz files that are read",
    b"\x89HDF": "an HDF5 file",
}
"""What files begin with, and what to say of them."""

_GZIP_WINDOW = 31
_CHUNK_BYTES = 1 << 18


class ByteStream:
    """The bytes of a file, decompressed when its name ends in `.gz`; a context manager that closes the file.

    Raises:
        InvalidInput: it can't be read; later, when its gzip archive turns out to be damaged.
    """

    def __init__(self, place: Place) -> None:
        place.check_file()
        self._place = place
        try:
            self._file: BinaryIO = place.path.open("rb")
        except OSError as error:
            raise place.refused(f"can't be read: {error.strerror or error}") from error
        self._chunks = self._inflated() if is_packed(place) else self._plain()
        self._rest = memoryview(b"")

    def __enter__(self) -> "ByteStream":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def fill(self, buffer: memoryview) -> int:
        """Fill `buffer` as far as the bytes go; return how many were there."""
        n_filled = 0
        while n_filled < len(buffer) and not self.at_end():
            part = self._rest[: len(buffer) - n_filled]
            buffer[n_filled : n_filled + len(part)] = part
            self._rest = self._rest[len(part) :]
            n_filled += len(part)
        return n_filled

    def count_rest(self, most: int) -> int:
        """Return how many bytes are left, counting no further than to `most`."""
        n_left = 0
        while n_left < most and not self.at_end():
            n_left += len(self._rest)
            self._rest = memoryview(b"")
        return min(n_left, most)

    def at_end(self) -> bool:
        """Return whether no byte is left. At the end of a gzip archive its checksum has been checked."""
        while not self._rest:
            try:
                chunk = next(self._chunks, None)
            except OSError as error:
                raise self._place.refused(f"can't be read: {error.strerror or error}") from error
            except zlib.error:
                raise self._place.refused("must be an undamaged gzip archive, but its bytes were altered") from None
            if chunk is None:
                return True
            self._rest = memoryview(chunk)
        return False

    def _plain(self) -> Iterator[bytes]:
        while chunk := self._file.read(_CHUNK_BYTES):
            yield chunk

    def _inflated(self) -> Iterator[bytes]:
        """Yield the content of one gzip member after another, never more than a chunk at once."""
        data = self._file.read(_CHUNK_BYTES)
        if not data.startswith(_GZIP_MAGIC):
            way_out = "; if it is not compressed, take .gz off its name" if data[:2] == b"\0\0" else ""
            raise self._place.refused(f"must be a gzip archive, but {looks_like(data)}{way_out}")
        while data:
            if not data.startswith(_GZIP_MAGIC):
                raise self._place.refused("must end with its gzip archive, but other bytes follow")
            data = yield from self._member(data)

    def _member(self, data: bytes) -> Generator[bytes, None, bytes]:
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        while not inflater.eof:
            yield inflater.decompress(data, _CHUNK_BYTES)
            data = inflater.unconsumed_tail or (b"" if inflater.eof else self._file.read(_CHUNK_BYTES))
            if not data and not inflater.eof:
                raise self._place.refused("must be a whole gzip archive, but its end is missing")
        rest = inflater.unused_data
        return rest if len(rest) > 1 else rest + self._file.read(_CHUNK_BYTES)


def is_packed(place: Place) -> bool:
    """Return whether a file is a gzip archive, by its name."""
    return place.path.suffix.lower() == ".gz"


def looks_like(data: bytes) -> str:
    """Return what a file that begins with `data` seems to be."""
    if not data:
        return "it is empty"
    if data.lstrip()[:1] == b"<":
        return "it looks like a web page"
    known = next((f", as {kind}" for magic, kind in _KINDS.items() if data.startswith(magic)), "")
    return f"it begins with the bytes {data[:4].hex(' ')}{known}"
