"""Fashion-MNIST: where its archives are published, how to know them, and where they are kept."""

import functools
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from fsspec.implementations.http import HTTPFileSystem

from components.core import events, files
from components.core.data import Labelled
from components.core.errors import InvalidInput
from components.remote.failures import BACKOFF_S, DownloadError, Unreachable, persistently
from components.sources import cache, transfer
from components.sources.places import Place
from components.sources.transfer import Progress, Stamp

FOLDER_VARIABLE = "FASHION_MNIST_DIR"
"""Names a folder that holds Fashion-MNIST. It is read, never written to."""

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


def recognizes(train: Labelled) -> bool:
    """Return whether these are Fashion-MNIST's training images and labels, however they were packed.

    Args:
        train: labels 0 to 9.
    """
    if train.inputs.shape != (60_000, 28, 28) or train.inputs.dtype != "uint8":
        return False
    content = hashlib.sha256(np.ascontiguousarray(train.inputs).data)
    content.update(train.labels.astype("u1").data)
    return content.hexdigest() == _TRAINING_SHA256


def fetch(
    homes: Sequence[str] = HOMES,
    progress: Progress | None = None,
    archives: Sequence[Published] = ARCHIVES,
    backoff_s: Sequence[float] = BACKOFF_S,
) -> Path:
    """Return the folder that holds the four verified archives, after downloading those that are missing.

    Args:
        homes: addresses to try in turn; the one that answered is asked first for the next archive.
        progress: hears of the bytes as they come; this process's event listener when None.
        archives: what to fetch.
        backoff_s: pauses in seconds between the attempts at one address.

    Raises:
        Unreachable: an archive is missing and no home gave it.
        InvalidInput: a file in the folder is not the published archive, or the folder can't be used.
    """
    folder = cache.user_folder()
    try:
        if _missing(folder, archives):
            with cache.only_one_download(folder), transfer.http() as filesystem:
                for archive in _missing(folder, archives):
                    receive = functools.partial(_receive, filesystem, archive, folder, progress)
                    homes = _download_from_any(archive, homes, receive, backoff_s)
    except OSError as error:
        problem = f"{error.filename or folder} can't be used for Fashion-MNIST: {error.strerror or error}"
        raise InvalidInput(f"{problem}; set XDG_CACHE_HOME to a folder that can") from error
    return folder


def named_folder() -> Place | None:
    """Return the folder that the environment names, or None."""
    path = os.environ.get(FOLDER_VARIABLE)
    return Place(Path(path).expanduser(), f"{FOLDER_VARIABLE}={path}") if path else None


def _missing(folder: Path, archives: Sequence[Published]) -> list[Published]:
    """Return the archives that are not there, after verifying those that are."""
    missing = [archive for archive in archives if not (folder / archive.name).exists()]
    for archive in archives:
        if archive not in missing:
            _verify(folder / archive.name, archive)
    return missing


def _verify(path: Path, archive: Published) -> None:
    found = files.sha256(path)
    if found != archive.sha256:
        rule = f"{path} must be Fashion-MNIST's published archive with SHA-256 {archive.sha256}"
        raise InvalidInput(f"{rule}, got {found}; delete the file to have it downloaded")


def _download_from_any(
    archive: Published, homes: Sequence[str], receive: Callable[[str], None], backoff_s: Sequence[float]
) -> Sequence[str]:
    """Download one archive; return the homes, the one that gave it first."""
    failures = []
    for home in homes:
        try:
            persistently(functools.partial(receive, home), backoff_s)
        except DownloadError as error:
            failures.append(f"{urlsplit(home).hostname} {error}")
            continue
        return (home, *(other for other in homes if other != home))
    raise Unreachable(
        f"data_source: fashion-mnist can't be downloaded, {archive.name}: {'; '.join(failures)}; "
        f"put its four archives into a folder and set {FOLDER_VARIABLE} to it, or use synthetic"
    )


def _receive(
    filesystem: HTTPFileSystem, archive: Published, folder: Path, progress: Progress | None, home: str
) -> None:
    """Go on with an archive, from whichever home the bytes before came: its SHA-256 tells whether it is whole."""
    path, part = folder / archive.name, folder / f".{archive.name}.part"
    report_progress = progress or events.listener.downloaded
    has_earlier_bytes = part.exists()
    transfer.receive_stream(
        filesystem,
        f"{home}/{archive.name}",
        part,
        Stamp(archive.n_bytes),
        archive.n_bytes,
        lambda n_there: report_progress(n_there, archive.n_bytes, archive.name),
    )
    if files.sha256(part) != archive.sha256:
        part.unlink()
        raise DownloadError("sent another file than the published one: its SHA-256 differs", not has_earlier_bytes)
    files.sync(part)
    os.replace(part, path)
