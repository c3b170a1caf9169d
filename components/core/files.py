"""Files that are either whole or not there: written beside their place, flushed, and renamed into it."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STATE_VARIABLE = "STEP_STATE_DIR"


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON-like value, the same for equal values whatever their key order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def write_json(value: Any, path: str | Path) -> None:
    """Replace `path` by `value` as JSON. NaN and infinities are refused, since JSON has none."""
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    write_bytes(text.encode() + b"\n", path)


def write_bytes(data: bytes, path: str | Path) -> None:
    """Replace the file `path` by `data`; a reader sees the old file or the new one, never a part."""
    with replacing(path) as partial:
        partial.write_bytes(data)


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a path beside `path` to write a file to; at the end it is flushed and takes `path`'s place.

    When the block raises, what it wrote is removed and what was at `path` stays. An `OSError` names a file.
    """
    path = Path(path)
    partial = _beside(path)
    make_folder(path.parent)
    try:
        with naming(path):
            yield partial
            sync(partial)
            os.replace(partial, path)
            sync(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty folder beside `path` to fill; at the end it is flushed and takes `path`'s place.

    A folder can't replace another in one step, so an old one is moved aside first: a crash in between leaves
    no folder at `path`, never a mixture. When the block raises, what was at `path` stays. An `OSError` names a file.
    """
    path = Path(path)
    partial, old = _beside(path), path.with_name(f".{path.name}.old")
    make_folder(path.parent)
    remove(partial)
    remove(old)
    partial.mkdir()
    try:
        with naming(path):
            yield partial
            for file in sorted(partial.rglob("*")):
                sync(file)
            sync(partial)
            _replace_folder(partial, path, old)
            sync(path.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    remove(old)


@contextlib.contextmanager
def kept_or_temporary(folder: str) -> Iterator[Path]:
    """Yield a folder for state: the given one, or for an empty name the supervisor's (`components.core.supervisor`),
    which outlives this process, or one that ends with the block."""
    if kept := folder or os.environ.get(STATE_VARIABLE):
        yield Path(kept)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)


@contextlib.contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Give an `OSError` of the block that names no file, as that of a full disk, the name of this one."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # numpy's, after a short write: it has neither number nor file, only these words
            raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({error})", str(path)) from error
        if error.filename is None:
            error.filename = str(path)
        raise


def make_folder(path: str | Path) -> None:
    """Make a folder and those above it, where they are not there, and wait until their names are on the disk."""
    missing = [folder for folder in (Path(path), *Path(path).parents) if not folder.exists()]
    Path(path).mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync(folder.parent)


def remove(path: str | Path) -> None:
    """Delete a file or a whole folder; nothing happens when there is none."""
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync(path: str | Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace_folder(partial: Path, path: Path, old: Path) -> None:
    if path.exists():
        os.replace(path, old)
    try:
        os.replace(partial, path)
    except BaseException:
        if old.exists():
            os.replace(old, path)
        raise


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")
