"""Fashion-MNIST: where its archives are published, how to know them, and where they are kept."""

import contextlib
import fcntl
import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from components.core import files
from components.core.errors import InvalidInput
from components.prepare.download import BACKOFF_S, DownloadError, Unreachable, download

FOLDER_VARIABLE = "FASHION_MNIST_DIR"

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

HOMES = (
    "https://fashion-mnist.s3.eu-central-1.amazonaws.com",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
)
"""Public addresses that hold the four archives: the authors' bucket, Keras's mirror, the authors' repository."""


@dataclass(frozen=True)
class Published:
    """One of the four archives, as its authors publish it."""

    name: str
    n_bytes: int
    sha256: str


ARCHIVES = (
    Published(
        "train-images-idx3-ubyte.gz", 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
    ),
    Published(
        "train-labels-idx1-ubyte.gz", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
    ),
    Published(
        "t10k-images-idx3-ubyte.gz", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
    ),
    Published("t10k-labels-idx1-ubyte.gz", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
)

_TRAINING_SHA256 = "16d82e2b505296aa2b78bd5ea0992634f30419a4c97def7c907d154a35ac6157"


def recognizes(train):
    """Return whether these are Fashion-MNIST's training images and labels, however they were packed.

    Args:
        train: a `Labelled` with uint8 images.
    """
    if train.inputs.shape != (60_000, 28, 28):
        return False
    content = hashlib.sha256(train.inputs)
    content.update(train.labels.astype("u1"))
    return content.hexdigest() == _TRAINING_SHA256


def fetch(homes=HOMES, progress=None, archives=ARCHIVES, backoff_s=BACKOFF_S):
    """Return the folder that holds the four verified archives, after downloading those that are missing.

    Args:
        homes: addresses to try in turn; the one that answered is asked first for the next archive.
        progress: a `download.Progress`.
        archives: what to fetch.
        backoff_s: pauses in seconds between the attempts at one address.

    Raises:
        Unreachable: an archive is missing and no home gave it.
        InvalidInput: a file in the folder is not the published archive, or the folder can't be used.
    """
    folder = _folder()
    try:
        if _missing(folder, archives):
            with _only_one_download(folder):
                for archive in _missing(folder, archives):
                    homes = _download_from_any(archive, folder, homes, progress, backoff_s)
    except OSError as error:
        problem = f"{error.filename or folder} can't be used for Fashion-MNIST: {error.strerror or error}"
        raise InvalidInput(f"{problem}; set {FOLDER_VARIABLE} to a folder that can") from error
    return folder


def _folder():
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else _user_cache() / "fashion-tuner"


def _user_cache():
    """Return the user's cache folder, by the XDG Base Directory Specification."""
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if chosen.is_absolute():
        return chosen
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # a container's arbitrary user has no home
        return Path(tempfile.gettempdir())


def _missing(folder, archives):
    """Return the archives that are not there, after verifying those that are."""
    missing = [archive for archive in archives if not (folder / archive.name).exists()]
    for archive in archives:
        if archive not in missing:
            _verify(folder / archive.name, archive)
    return missing


def _verify(path, archive):
    found = files.sha256(path)
    if found != archive.sha256:
        rule = f"{path} must be Fashion-MNIST's published archive with SHA-256 {archive.sha256}"
        raise InvalidInput(f"{rule}, got {found}; delete the file to have it downloaded")


@contextlib.contextmanager
def _only_one_download(folder):
    """Let one process at a time fill the folder; the others wait, and find it filled."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for another download to {folder}", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download_from_any(archive, folder, homes, progress, backoff_s):
    """Download one archive; return the homes, the one that gave it first."""
    failures = []
    for home in homes:
        try:
            url, path = f"{home}/{archive.name}", folder / archive.name
            download(url, path, archive.n_bytes, archive.sha256, progress, backoff_s)
        except DownloadError as error:
            failures.append(f"{urlsplit(home).hostname} {error}")
            continue
        return (home, *(other for other in homes if other != home))
    raise Unreachable(
        f"data_source: fashion-mnist can't be downloaded, {archive.name}: {'; '.join(failures)}; "
        f"put its four archives into a folder and set {FOLDER_VARIABLE} to it, or use synthetic"
    )
