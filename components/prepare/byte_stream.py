"""The bytes of a file, plain or gzip, read no further than they are asked for."""

import zlib
from collections.abc import Generator, Iterator
from typing import BinaryIO

from components.prepare.places import Place

_GZIP_MAGIC = b"\x1f\x8b"
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
        self._chunks = self._inflated() if place.path.suffix == ".gz" else self._plain()
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
            raise self._place.refused(f"must be a gzip archive, but {looks_like(data)}")
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


def looks_like(data: bytes) -> str:
    """Return what a file that begins with `data` seems to be."""
    if not data:
        return "it is empty"
    if data.lstrip()[:1] == b"<":
        return "it looks like a web page"
    return f"it begins with the bytes {data[:4].hex(' ')}"
