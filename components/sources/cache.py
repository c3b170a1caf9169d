"""The folder in which this user's downloads are kept, and the lock that lets one process at a time fill it."""

import contextlib
import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path


def user_folder() -> Path:
    """Return this program's folder in the user's cache, by the XDG Base Directory Specification."""
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if chosen.is_absolute():
        return chosen / "fashion-tuner"
    try:
        return Path.home() / ".cache" / "fashion-tuner"
    except RuntimeError:  # a container's arbitrary user has no home
        return Path(tempfile.gettempdir()) / "fashion-tuner"


@contextlib.contextmanager
def only_one_download(folder: Path) -> Iterator[None]:
    """Let one process at a time fill the folder; the others wait, and find it filled.

    Raises:
        OSError: the folder can't be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for another download to {folder}", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
