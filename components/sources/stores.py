"""The two kinds of place that data is downloaded from: web servers, and object stores, which can be listed."""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from fsspec.asyn import AsyncFileSystem
from fsspec.implementations.http import HTTPFileSystem

from components.remote.failures import BACKOFF_S, DownloadError, Unreachable, persistently
from components.sources import idx, transfer
from components.sources.addresses import Address
from components.sources.labels import CLASSES_FILE
from components.sources.places import Place
from components.sources.transfer import Stamp

Choose = Callable[[Place, Sequence[str]], Sequence[str]]
"""Returns, of the names below an address, those that are to be downloaded."""

_Result = TypeVar("_Result")

_ANSWER_TIMEOUT_S = 60
_MD5_ETAG = re.compile(r'"?([0-9a-f]{32})"?')
_KEY_ENCRYPTIONS = ("aws:kms", "aws:kms:dsse")


@dataclass(frozen=True)
class RemoteFile:
    """One file to download: its name below the address, what its store calls it, and its version."""

    name: str
    target: str
    stamp: Stamp


class Store(Protocol):
    """A place that data is downloaded from."""

    def find(self, choose: Choose) -> list[RemoteFile]: ...

    def stat(self, target: str) -> Stamp: ...

    def receive(self, file: RemoteFile, part: Path, limit_bytes: int, meter: Callable[[int], None]) -> None: ...

    def md5(self, file: RemoteFile) -> str: ...


@contextlib.contextmanager
def opened(address: Address, backoff_s: Sequence[float] = BACKOFF_S) -> Iterator[Store]:
    """Yield the store that an address is in."""
    if address.scheme == "https":
        with transfer.http() as filesystem:
            yield WebServer(filesystem, address, backoff_s)
    else:
        yield ObjectStore(transfer.object_store(address.scheme), address, backoff_s)


class WebServer:
    """Files at `https://`, which can be asked for and not listed."""

    def __init__(self, filesystem: HTTPFileSystem, address: Address, backoff_s: Sequence[float]) -> None:
        self._filesystem, self._address, self._backoff_s = filesystem, address, backoff_s

    def find(self, choose: Choose) -> list[RemoteFile]:
        """Return the archive, or the four files under their classic names; a list of class names if there is one.

        Raises:
            Unreachable: one of them is not there.
        """
        if self._address.is_npz:
            folder = self._address.parent
            found = [self._first_of(folder, (self._address.name,))]
        else:
            folder = self._address
            names = [(name, name.removesuffix(".gz")) for name in idx.CLASSIC_NAMES.values()]
            found = [self._first_of(folder, either) for either in names]
        with contextlib.suppress(_Absent):
            found.append(self._ask(folder, CLASSES_FILE))
        return found

    def stat(self, target: str) -> Stamp:
        return transfer.read_stamp(self._filesystem.info(target, timeout=_ANSWER_TIMEOUT_S))

    def receive(self, file: RemoteFile, part: Path, limit_bytes: int, meter: Callable[[int], None]) -> None:
        transfer.receive_stream(self._filesystem, file.target, part, file.stamp, limit_bytes, meter)

    def md5(self, file: RemoteFile) -> str:
        """Return no sum: a web server's tag may look like one and be another."""
        return file.stamp.md5

    def _first_of(self, folder: Address, names: Sequence[str]) -> RemoteFile:
        refusals = []
        for name in names:
            try:
                return self._ask(folder, name)
            except _Absent as error:
                refusals.append(error)
        raise refusals[0]

    def _ask(self, folder: Address, name: str) -> RemoteFile:
        url = folder.below(name)
        stamp = _asked(lambda: self.stat(url), (folder.place / name).shown, self._backoff_s)
        return RemoteFile(name, url, stamp)


class ObjectStore:
    """Objects at `s3://` or `gs://`."""

    def __init__(self, filesystem: AsyncFileSystem, address: Address, backoff_s: Sequence[float]) -> None:
        self._filesystem, self._address, self._backoff_s = filesystem, address, backoff_s

    def find(self, choose: Choose) -> list[RemoteFile]:
        """Return the archive that the address names, or what `choose` takes of all that lies below it.

        Raises:
            Unreachable: nothing is there, or it may not be seen.
        """
        if self._address.is_npz:
            folder, name = self._address.parent, self._address.name
            found = [self._ask(folder, name)]
            with contextlib.suppress(_Absent):
                found.append(self._ask(folder, CLASSES_FILE))
            return found
        above = f"{self._address.object_name}/"
        listing: dict[str, dict[str, Any]] = _asked(
            lambda: self._filesystem.find(above, detail=True), self._address.shown, self._backoff_s
        )
        infos = {
            name.removeprefix(above): info
            for name, info in listing.items()
            if info["type"] == "file" and not name.endswith("/")
        }
        if not infos:
            raise Unreachable(f"data_source: {self._address.shown} holds nothing")
        chosen = choose(self._address.place, sorted(infos))
        return [RemoteFile(name, above + name, transfer.read_stamp(infos[name])) for name in chosen]

    def stat(self, target: str) -> Stamp:
        return transfer.read_stamp(self._filesystem.info(target))

    def receive(self, file: RemoteFile, part: Path, limit_bytes: int, meter: Callable[[int], None]) -> None:
        transfer.receive_blocks(self._filesystem, file.target, part, file.stamp, meter)

    def md5(self, file: RemoteFile) -> str:
        """Return an object's MD5, or nothing when its tag is none: of several parts, or encrypted with own keys."""
        match = _MD5_ETAG.fullmatch(file.stamp.etag) if self._address.scheme == "s3" else None
        return match[1] if match and not self._has_own_key(file.target) else file.stamp.md5

    def _has_own_key(self, target: str) -> bool:
        bucket, _, key = target.partition("/")
        head = self._filesystem.call_s3("head_object", Bucket=bucket, Key=key)
        return head.get("ServerSideEncryption") in _KEY_ENCRYPTIONS or "SSECustomerAlgorithm" in head

    def _ask(self, folder: Address, name: str) -> RemoteFile:
        target = f"{folder.object_name}/{name}"
        return RemoteFile(
            name, target, _asked(lambda: self.stat(target), (folder.place / name).shown, self._backoff_s)
        )


class _Absent(Unreachable):
    """The store says that there is no such file."""


def _asked(action: Callable[[], _Result], origin: str, backoff_s: Sequence[float]) -> _Result:
    try:
        return persistently(action, backoff_s)
    except DownloadError as error:
        kind = _Absent if error.absent else Unreachable
        raise kind(f"data_source: {origin} {error}") from error
