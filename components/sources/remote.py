"""Data below `s3://`, `gs://` or `https://`: found, downloaded into the user's cache and verified there.

A version of the data, told by the sizes and tags of its files, has a folder of its own in the cache. What is there is
not downloaded again, and what an interrupted run left of a file is gone on with.
"""

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path, PurePosixPath

from components.core import files
from components.core.errors import InvalidInput
from components.remote.failures import BACKOFF_S, DownloadError, Unreachable, persistently
from components.sources import cache, memory, stores, transfer
from components.sources.addresses import Address
from components.sources.places import Place
from components.sources.stores import Choose, RemoteFile, Store
from components.sources.transfer import Progress

_AT_ONCE = 8
_FEW_FILES = 8  # up to so many are shown one by one, and downloaded one after another


def fetch(address: Address, choose: Choose, progress: Progress, backoff_s: Sequence[float] = BACKOFF_S) -> Place:
    """Return the folder in the cache, or the `.npz` file there, that holds what is at an address.

    Args:
        address: where the data is.
        choose: which of the names in a listing are part of it.
        progress: hears of the bytes as they come.
        backoff_s: pauses in seconds between attempts.

    Raises:
        Unreachable: it can't be downloaded; the message says why.
        InvalidInput: nothing usable is there, or the cache can't be used.
    """
    try:
        with stores.opened(address, backoff_s) as store:
            wanted = store.find(choose)
            version = files.digest([[file.name, *astuple(file.stamp)] for file in wanted])[:16]
            folder = cache.user_folder() / "remote" / files.digest(address.text)[:16] / version
            with cache.only_one_download(folder):
                _Download(store, address, folder, progress, backoff_s).fetch(wanted)
    except OSError as error:
        where = error.filename or cache.user_folder()
        problem = f"data_source: {address.shown} can't be kept at {where}: {error.strerror or error}"
        raise InvalidInput(f"{problem}; set XDG_CACHE_HOME to a folder that can be written to") from error
    return Place(folder / address.name, address.shown) if address.is_npz else Place(folder, address.shown)


class _Download:
    """The download of one version of the data into its folder."""

    def __init__(
        self, store: Store, address: Address, folder: Path, progress: Progress, backoff_s: Sequence[float]
    ) -> None:
        self._store, self._address, self._folder = store, address, folder
        self._progress, self._backoff_s = progress, backoff_s

    def fetch(self, wanted: Sequence[RemoteFile]) -> None:
        missing = [file for file in wanted if not self._is_there(file)]
        self._check_space(missing)
        many = len(missing) > _FEW_FILES
        total = _Total(sum(file.stamp.n_bytes or 0 for file in missing), self._address.name, self._progress)
        with ThreadPoolExecutor(_AT_ONCE if many else 1) as executor:
            try:
                tasks = [
                    executor.submit(self._fetch_one, file, total.meter() if many else self._meter(file))
                    for file in missing
                ]
                for task in tasks:
                    task.result()
            except BaseException:
                executor.shutdown(cancel_futures=True)
                raise

    def _is_there(self, file: RemoteFile) -> bool:
        path = self._folder / file.name
        return file.stamp.tells_versions and path.exists() and path.stat().st_size == file.stamp.n_bytes

    def _check_space(self, missing: Sequence[RemoteFile]) -> None:
        needed, free = sum(file.stamp.n_bytes or 0 for file in missing), shutil.disk_usage(self._folder).free
        if needed > free:
            problem = f"needs {memory.size(needed)} in {self._folder}, and {memory.size(free)} are free"
            raise InvalidInput(f"data_source: {self._address.shown} {problem}; set XDG_CACHE_HOME to a larger disk")

    def _meter(self, file: RemoteFile) -> Callable[[int], None]:
        return lambda n_there: self._progress(n_there, file.stamp.n_bytes, PurePosixPath(file.name).name)

    def _fetch_one(self, file: RemoteFile, meter: Callable[[int], None]) -> None:
        path = self._folder / file.name
        part = path.with_name(f".{path.name}.part")
        path.parent.mkdir(parents=True, exist_ok=True)
        if not file.stamp.tells_versions:
            part.unlink(missing_ok=True)
        try:
            persistently(lambda: self._receive(file, part, meter), self._backoff_s)
        except DownloadError as error:
            raise Unreachable(f"data_source: {(self._address.folder_place / file.name).shown} {error}") from error
        files.sync(part)
        os.replace(part, path)

    def _receive(self, file: RemoteFile, part: Path, meter: Callable[[int], None]) -> None:
        limit_bytes = file.stamp.n_bytes or shutil.disk_usage(self._folder).free
        try:
            self._store.receive(file, part, limit_bytes, meter)
        except Exception:
            self._check_unaltered(file, part)
            raise
        self._check_unaltered(file, part)
        expected = self._store.md5(file)
        if expected and transfer.md5(part) != expected:
            part.unlink()
            raise DownloadError("sent other bytes than it states: their MD5 differs", permanent=False)

    def _check_unaltered(self, file: RemoteFile, part: Path) -> None:
        """Give up a file that is another one now, of which `part` may hold a mixture."""
        now = file.stamp
        with contextlib.suppress(Exception):  # that it can't be asked for says nothing about it
            now = self._store.stat(file.target)
        if now != file.stamp:
            part.unlink(missing_ok=True)
            raise DownloadError("was altered while it was downloaded; run again for what is there now", permanent=True)


class _Total:
    """Adds up what has come of many files."""

    def __init__(self, n_bytes: int, name: str, progress: Progress) -> None:
        self._n_bytes, self._name, self._progress = n_bytes, name, progress
        self._n_received, self._lock = 0, threading.Lock()

    def meter(self) -> Callable[[int], None]:
        """Return what one more file's bytes are told to."""
        n_before = 0

        def report_progress(n_there: int) -> None:
            nonlocal n_before
            with self._lock:
                self._n_received += n_there - n_before
                n_before = n_there
                self._progress(self._n_received, self._n_bytes, self._name)

        return report_progress
