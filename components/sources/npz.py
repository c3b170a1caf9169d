"""`.npz` archives as Keras publishes them: `x_train`, `y_train`, `x_test`, `y_test`, and perhaps `class_names`.

Headers are read before memory is taken for what they announce, and nothing is ever unpickled.
"""

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np

from components.core import events
from components.sources import arrays, memory
from components.sources.places import Place
from components.sources.raw import Header, Headers, RawData, RawSplit, StatedNames, check_headers, times

ARRAYS = {"train_inputs": "x_train", "train_labels": "y_train", "test_inputs": "x_test", "test_labels": "y_test"}
"""The four arrays by what they hold."""

CLASS_NAMES = "class_names"

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MOST_COMPRESSED = 1_040  # deflate can't shrink anything to less than 1/1032 of its size
_ENCRYPTED = 0x1


def check(archive: Place) -> Headers:
    """Return the headers of the four arrays, after checking that they go together and that memory can hold them.

    Raises:
        InvalidInput: no such archive, or unusable; the message names the array.
    """
    with _opened(archive) as file:
        return _check(file, archive)


def read(archive: Place) -> RawData:
    """Return the data set that an archive holds.

    Raises:
        InvalidInput: as `check`; also when an array's content is damaged.
    """
    with _opened(archive) as file:
        headers = _check(file, archive)
        unused = sorted(set(_names(file)) - {*ARRAYS.values(), CLASS_NAMES})
        if unused:
            events.note(f"data_source: {archive.shown} holds arrays that are not used: {', '.join(unused)}")
        train, test = (
            RawSplit(_inputs(file, archive, f"x_{split}"), _labels(file, archive, f"y_{split}"), labels.place)
            for split, labels in (("train", headers.train_labels), ("test", headers.test_labels))
        )
        return RawData(train, test, _class_names(file, archive))


def read_inputs_alone(archive: Place) -> dict[str, np.ndarray]:
    """Return the arrays of inputs of an archive, by name: `x_train` and `x_test`, or those there are of the two, or
    the only array of at least two dimensions.

    Raises:
        InvalidInput: no such archive, damaged, or several arrays that may be meant.
    """
    with _opened(archive, needs_all=False) as file:
        names = sorted({"x_train", "x_test"} & set(_names(file)), reverse=True)
        if not names:
            names = [name for name in _names(file) if len(_header(file, archive, name).shape) >= 2]
            if len(names) != 1:
                held = ", ".join(sorted(_names(file))) or "nothing"
                raise archive.refused(f"must hold x_train or x_test, or one array of examples; it holds {held}")
        return {name: _inputs(file, archive, name) for name in names}


@contextlib.contextmanager
def _opened(archive: Place, needs_all: bool = True) -> Iterator[zipfile.ZipFile]:
    """Yield an archive, and turn what its damage can do to a reader into a refusal."""
    archive.check_file()
    try:
        with zipfile.ZipFile(archive.path) as file:
            _check_members(file, archive)
            if needs_all:
                _check_complete(file, archive)
            yield file
    except OSError as error:
        raise archive.refused(f"can't be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise archive.refused(f"must be an undamaged .npz archive: {' '.join(str(error).split())}") from error


def _check_members(file: zipfile.ZipFile, archive: Place) -> None:
    members = file.infolist()
    names = [member.filename for member in members]
    for member in members:
        if names.count(member.filename) > 1:
            raise archive.refused(f"must hold each array once, but holds {member.filename} more than once")
        if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
            raise archive.refused(
                f"must be as numpy writes it, but {member.filename} is encrypted or packed otherwise"
            )


def _check_complete(file: zipfile.ZipFile, archive: Place) -> None:
    missing = [name for name in ARRAYS.values() if name not in _names(file)]
    if missing:
        held = ", ".join(sorted(_names(file))) or "nothing"
        raise archive.refused(f"must hold {', '.join(ARRAYS.values())}, but {missing[0]} is missing; it holds {held}")


def _names(file: zipfile.ZipFile) -> list[str]:
    return [name.removesuffix(".npy") for name in file.namelist()]


def _check(file: zipfile.ZipFile, archive: Place) -> Headers:
    headers = Headers(**{role: _header(file, archive, name) for role, name in ARRAYS.items()})
    for header in (headers.train_inputs, headers.test_inputs):
        if header.dtype.kind not in "buif" or header.dtype.itemsize > 8:
            raise header.place.refused(f"must hold integers or floats, but holds {header.dtype}")
        if len(header.shape) < 2:
            rule = "must have at least 2 dimensions, examples first"
            raise header.place.refused(f"{rule}, got shape ({times(header.shape)})")
    for header in (headers.train_labels, headers.test_labels):
        _check_labels(header)
    check_headers(headers, archive)
    return headers


def _check_labels(header: Header) -> None:
    if header.dtype.kind not in "buiUS":
        way_out = "; write them as integers" if header.dtype.kind == "f" else ""
        raise header.place.refused(f"must hold integers or text, but holds {header.dtype}{way_out}")
    if len(header.shape) != 1 and header.shape[1:] != (1,):
        problem = f"must have shape (n) or (n x 1), got ({times(header.shape)})"
        raise header.place.refused(f"{problem}; of one column a class take the argmax")


def _place(archive: Place, name: str) -> Place:
    return Place(archive.path, f"{archive.origin}: {name}")


def _header(file: zipfile.ZipFile, archive: Place, name: str) -> Header:
    with _array(file, name) as stream:
        return _read_header(stream, file.getinfo(_member(file, name)), _place(archive, name))


def _read_header(stream: IO[bytes], member: zipfile.ZipInfo, place: Place) -> Header:
    try:
        version = np.lib.format.read_magic(stream)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in readers:
            raise ValueError(f"its format is version {version}")
        shape, fortran_order, dtype = readers[version](stream)
    except ValueError as error:
        raise place.refused(f"must be a plain numpy array: {' '.join(str(error).split())[:200]}") from None
    if dtype.hasobject:
        raise place.refused("must hold no Python objects, which would have to be unpickled; save it as a plain array")
    header = Header(place, dtype, shape, fortran_order and len(shape) > 1)
    if 0 in shape or not shape or not dtype.itemsize:
        raise place.refused(f"must hold at least one example, but its header says ({times(shape)}) of {dtype}")
    n_content = member.file_size - stream.tell()
    if header.n_bytes != n_content or header.n_bytes > member.compress_size * _MOST_COMPRESSED:
        raise place.refused(f"must hold {header.n_bytes:,} bytes after its header, but ends after {n_content:,}")
    return header


def _member(file: zipfile.ZipFile, name: str) -> str:
    return f"{name}.npy" if f"{name}.npy" in file.namelist() else name


@contextlib.contextmanager
def _array(file: zipfile.ZipFile, name: str) -> Iterator[IO[bytes]]:
    with file.open(_member(file, name)) as stream:
        yield stream


def _filler(stream: IO[bytes]) -> arrays.Fill:
    def fill(buffer: memoryview) -> int:
        n_filled = 0
        while n_filled < len(buffer):
            data = stream.read(min(len(buffer) - n_filled, 1 << 20))
            if not data:
                break
            buffer[n_filled : n_filled + len(data)] = data
            n_filled += len(data)
        return n_filled

    return fill


def _inputs(file: zipfile.ZipFile, archive: Place, name: str) -> arrays.Array:
    with _array(file, name) as stream:
        header = _read_header(stream, file.getinfo(_member(file, name)), _place(archive, name))
        content = arrays.read_inputs(
            _filler(stream), header.dtype, header.shape, header.place, fortran_order=header.fortran_order
        )
        stream.read(1)  # at the end, the checksum is compared
    return content


def _labels(file: zipfile.ZipFile, archive: Place, name: str) -> arrays.Array:
    """Return labels as int64 or text, of one dimension."""
    with _array(file, name) as stream:
        header = _read_header(stream, file.getinfo(_member(file, name)), _place(archive, name))
        content = arrays.read_stored(_filler(stream), header.dtype, header.shape, header.place).reshape(-1)
        stream.read(1)
    if header.dtype.kind == "u" and content.max() > np.iinfo(np.int64).max:
        raise header.place.refused(f"must hold labels up to {np.iinfo(np.int64).max:,}, but holds {content.max():,}")
    return _text(content, header.place) if header.dtype.kind in "US" else content.astype(np.int64)


def _text(content: arrays.Array, place: Place) -> arrays.Array:
    try:
        return np.char.decode(content, "utf-8") if content.dtype.kind == "S" else content.astype(str)
    except UnicodeError as error:
        raise place.refused(f"must be text in UTF-8: {error}") from None


def _class_names(file: zipfile.ZipFile, archive: Place) -> StatedNames | None:
    if CLASS_NAMES not in _names(file):
        return None
    header = _header(file, archive, CLASS_NAMES)
    if header.dtype.kind not in "US" or len(header.shape) != 1:
        raise header.place.refused(
            f"must hold text of one dimension, but holds {header.dtype} ({times(header.shape)})"
        )
    memory.check(header.n_bytes, header.place.shown)
    return StatedNames(tuple(str(name) for name in _labels(file, archive, CLASS_NAMES)), header.place)
