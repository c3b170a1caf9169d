"""Where a registry lies: a folder, or a prefix of an object store. Both can make a name that nobody has made before.

That one act, `create`, is all that runs which register at once agree by; everything else is written once and read.
"""

import contextlib
import os
import shutil
import uuid
from pathlib import Path
from typing import Any, Protocol

import fsspec

from components.core import files
from components.core.errors import InvalidInput
from components.core.parameters import check
from components.remote.failures import DownloadError, persistently

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 4, 60


class Missing(InvalidInput):
    """A file of a registry is not there."""


class Store(Protocol):
    """A place with files by name, such as `versions/0001/version.json`.

    Attributes:
        shown: what a user calls it.
    """

    shown: str

    def create(self, name: str, data: bytes) -> bool:
        """Write a file that must not be there; return False, and change nothing, where another one is."""

    def put(self, name: str, data: bytes) -> None:
        """Write a file, or replace it; a reader sees the old one or the new one."""

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, or None when there is none."""

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted; none when it is not there."""

    def upload(self, path: Path, name: str) -> None:
        """Write a file of this machine."""

    def download(self, name: str, path: Path) -> None:
        """Write a file to this machine.

        Raises:
            Missing: there is none of that name.
        """


def open_store(place: str) -> Store:
    """Return the store at a folder's path, or at an address `file://`, `s3://` or `gs://`.

    Raises:
        InvalidInput: it is none of these.
    """
    if not check(registry=place)["registry"]:
        raise InvalidInput("registry must be given, and is empty")
    if place.startswith(("s3://", "gs://")):
        return ObjectStore(place)
    return FolderStore(Path(place.removeprefix("file://")))


class FolderStore:
    """A folder, which several machines may have mounted."""

    def __init__(self, root: Path) -> None:
        if root.exists() and not root.is_dir():
            raise InvalidInput(f"registry must be a folder, and {root} is a file")
        self.root = root
        self.shown = str(root)

    def create(self, name: str, data: bytes) -> bool:
        path = self.root / name
        partial = self._written_beside(path, data)
        try:
            os.link(partial, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.filename2 is None:
                raise
            raise InvalidInput(
                f"registry must be on a file system with hard links, and {self.root} is not: {error.strerror}; "
                "a bucket that is mounted is better named by its s3:// or gs:// address"
            ) from None
        finally:
            partial.unlink(missing_ok=True)
        files.sync(path.parent)
        return True

    def put(self, name: str, data: bytes) -> None:
        path = self.root / name
        os.replace(self._written_beside(path, data), path)
        files.sync(path.parent)

    def read(self, name: str) -> bytes | None:
        try:
            return (self.root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def names(self, folder: str) -> list[str]:
        path = self.root / folder
        return sorted(each.name for each in path.iterdir()) if path.is_dir() else []

    def upload(self, path: Path, name: str) -> None:
        with files.replacing(self.root / name) as partial:
            shutil.copyfile(path, partial)

    def download(self, name: str, path: Path) -> None:
        if not (self.root / name).is_file():
            raise Missing(f"registry {self.shown} must hold {name}, and it does not")
        with files.replacing(path) as partial:
            shutil.copyfile(self.root / name, partial)

    def _written_beside(self, path: Path, data: bytes) -> Path:
        """Return a file of a name that nobody else has, on the disk, to be moved to `path`."""
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        files.make_folder(path.parent)
        try:
            with files.naming(path):
                partial.write_bytes(data)
                files.sync(partial)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return partial


class ObjectStore:
    """A prefix of an S3 or Google Cloud Storage bucket, with credentials from the environment or the machine.

    A failure that can pass is tried again. An answer that was lost on its way is no second act: what is made by
    `create` is compared with what was to be made.
    """

    def __init__(self, address: str) -> None:
        scheme, _, rest = address.partition("://")
        timeouts = {"connect_timeout": CONNECT_TIMEOUT_S, "read_timeout": READ_TIMEOUT_S}
        options: dict[str, Any] = {"config_kwargs": timeouts} if scheme == "s3" else {}
        self._filesystem = fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False, **options)
        self._prefix = rest.rstrip("/")
        self.shown = address

    def create(self, name: str, data: bytes) -> bool:
        try:
            self._write(lambda: self._filesystem.pipe_file(self._at(name), data, mode="create"))
        except FileExistsError:
            return self.read(name) == data
        return True

    def put(self, name: str, data: bytes) -> None:
        self._write(lambda: self._filesystem.pipe_file(self._at(name), data))

    def read(self, name: str) -> bytes | None:
        try:
            found: bytes = self._do(lambda: self._filesystem.cat_file(self._at(name)))
        except FileNotFoundError:
            return None
        return found

    def names(self, folder: str) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            paths = self._do(lambda: self._filesystem.ls(self._at(folder), detail=False))
            return sorted(name for path in paths if (name := str(path).rstrip("/").rpartition("/")[2]))
        return []

    def upload(self, path: Path, name: str) -> None:
        self._write(lambda: self._filesystem.put_file(str(path), self._at(name)))

    def download(self, name: str, path: Path) -> None:
        with files.replacing(path) as partial:
            try:
                self._do(lambda: self._filesystem.get_file(self._at(name), str(partial)))
            except FileNotFoundError:
                raise Missing(f"registry {self.shown} must hold {name}, and it does not") from None

    def _at(self, name: str) -> str:
        return f"{self._prefix}/{name}"

    def _write(self, action: Any) -> None:
        try:
            self._do(action)
        except FileNotFoundError:
            raise InvalidInput(f"registry {self.shown} does not exist: there is no such bucket") from None

    def _do(self, action: Any) -> Any:
        """Return what a call returns, tried again while it fails in a way that can pass.

        Raises:
            FileExistsError: there is such an object already.
            FileNotFoundError: there is none.
            InvalidInput: the store can't be used; the message says why.
        """
        try:
            return persistently(lambda: _answered(action))
        except DownloadError as error:
            if isinstance(error.__cause__, _Answer):
                raise error.__cause__.answer from None
            if error.absent:
                raise FileNotFoundError(self.shown) from None
            raise InvalidInput(f"registry {self.shown} {error}") from error


class _Answer(DownloadError):
    """An answer of the store that is no failure of the way to it."""

    def __init__(self, answer: Exception) -> None:
        super().__init__("answered", permanent=True)
        self.answer = answer


def _answered(action: Any) -> Any:
    try:
        return action()
    except FileExistsError as error:
        raise _Answer(error) from error
    except OSError as error:
        if "PreconditionFailed" in str(error) or "ConditionalRequestConflict" in str(error):
            raise _Answer(FileExistsError(str(error))) from error
        raise
