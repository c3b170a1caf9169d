"""The data set that a `data_source` names, checked, and the stratified split of its training images."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from components.core import parameters
from components.core.artifacts import DatasetInfo, Labelled
from components.core.errors import InvalidInput
from components.prepare import fashion_mnist, idx, synthetic
from components.prepare.download import BACKOFF_S, DownloadError, Unreachable, download
from components.prepare.fashion_mnist import fetch as fetch_fashion_mnist

ARCHIVES = {
    "train_images": ("train-images-idx3-ubyte.gz", idx.IMAGES),
    "train_labels": ("train-labels-idx1-ubyte.gz", idx.LABELS),
    "test_images": ("t10k-images-idx3-ubyte.gz", idx.IMAGES),
    "test_labels": ("t10k-labels-idx1-ubyte.gz", idx.LABELS),
}
"""The four archives of a data set: file name and kind by what they hold."""

_FEWEST_PER_CLASS = 2
_SPLIT_STREAM = 1  # the split's own random stream, so that nothing else drawn from the seed moves it


@dataclass(frozen=True)
class RawDataset:
    """A data set before its training images are split."""

    train: Labelled
    test: Labelled
    info: DatasetInfo


def check_source(data_source):
    """Refuse a data source that can be seen to be unusable without reading more than a few bytes of it.

    A folder's archives are there, and their headers agree with each other; nothing is downloaded.

    Raises:
        InvalidInput: the message names the file and what is wrong with it.
    """
    parameters.check_data_source(data_source)
    if _is_address(data_source):
        _append(data_source, "")
    elif data_source not in parameters.NAMED_SOURCES:
        _check_shapes(_find(Path(data_source)))


def load(data_source, seed, progress=None):
    """Return the data set that `data_source` names, all of it checked.

    Args:
        data_source: `fashion-mnist`, `synthetic`, a folder, or an `https://` prefix; see DESIGN for the archives.
        seed: decides the synthetic images, and nothing else.
        progress: a `download.Progress`, called while something is downloaded.

    Raises:
        Unreachable: what has to be downloaded can't be.
        InvalidInput: no such data, or unusable; the message names the file and what is wrong with it.
    """
    parameters.check_data_source(data_source)
    if data_source == "synthetic":
        train, test = synthetic.draw(seed)
        return RawDataset(train, test, DatasetInfo(data_source, fashion_mnist.CLASS_NAMES, train.inputs.shape[1:]))
    if data_source == "fashion-mnist":
        return _read(_find(fetch_fashion_mnist(progress=progress)), data_source)
    if _is_address(data_source):
        with tempfile.TemporaryDirectory(prefix="fashion-tuner-") as folder:
            return _read(download_archives(data_source, Path(folder), progress), data_source)
    return _read(_find(Path(data_source)), data_source)


def split(labelled, validation_fraction, seed):
    """Return the training and the validation part of `labelled`, each in its original order.

    Every class is divided in the same proportion, to the nearest image, with at least one image on either side.

    Args:
        labelled: images with labels 0 to n_classes - 1, each of which occurs.
        validation_fraction: share of each class that goes to validation, 0.01 to 0.5.
        seed: decides which images.

    Raises:
        InvalidInput: a class has a single image.
    """
    random = np.random.default_rng([seed, _SPLIT_STREAM])
    held_out = np.zeros(len(labelled), bool)
    for class_index, n_images in enumerate(np.bincount(labelled.labels)):
        if n_images < _FEWEST_PER_CLASS:
            rule = "every class must have at least 2 training images, one for either side of the split"
            raise InvalidInput(f"data_source: {rule}, but class {class_index} has {n_images}")
        n_held_out = max(1, round(n_images * validation_fraction))
        held_out[random.permutation(np.flatnonzero(labelled.labels == class_index))[:n_held_out]] = True
    return _part(labelled, ~held_out), _part(labelled, held_out)


def download_archives(prefix, folder, progress=None, backoff_s=BACKOFF_S):
    """Return the four archives at `prefix`, downloaded into `folder`.

    Args:
        prefix: the address that the archives' names are appended to, before its query if it has one.
        folder: an empty folder.
        progress: a `download.Progress`.
        backoff_s: pauses in seconds between attempts.

    Raises:
        Unreachable: one of them can't be downloaded.
    """
    archives = {}
    for part, (name, kind) in ARCHIVES.items():
        url = _append(prefix, name)
        try:
            download(url, folder / name, idx.LIMIT_BYTES, progress=progress, backoff_s=backoff_s)
        except DownloadError as error:
            raise Unreachable(f"data_source: {url} {error}") from error
        except OSError as error:
            raise InvalidInput(f"data_source: {url} can't be stored in {folder}: {error.strerror}") from error
        archives[part] = idx.Archive(folder / name, kind, url)
    return archives


def _is_address(data_source):
    return "://" in data_source


def _append(prefix, name):
    """Return the address of a file below `prefix`, whose query, if it has one, stays at the end."""
    try:
        address = urlsplit(prefix)
        usable = bool(address.hostname) and address.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidInput(f"data_source must be a well-formed https:// prefix, got {prefix!r}")
    if address.username is not None:
        raise InvalidInput("data_source must hold no user name or password, since it is kept with the results")
    return urlunsplit(address._replace(path=f"{address.path.rstrip('/')}/{name}"))


def _find(folder):
    """Return the archives in `folder` by what they hold; one that is not compressed has no `.gz` in its name."""
    try:
        names = {path.name for path in folder.iterdir()}
    except OSError as error:
        rule = "data_source must be a folder with four IDX archives"
        raise InvalidInput(f"{rule}, got {str(folder)!r}: {error.strerror}") from error
    archives = {}
    for part, (name, kind) in ARCHIVES.items():
        plain_name = name.removesuffix(".gz")
        if not names & {name, plain_name}:
            raise InvalidInput(f"data_source must be a folder with {name}, and {str(folder)!r} has none")
        path = folder / (name if name in names else plain_name)
        archives[part] = idx.Archive(path, kind, str(path))
    return archives


def _check_shapes(archives):
    shapes = {part: idx.read_shape(archive) for part, archive in archives.items()}
    for split_name in ("train", "test"):
        n_images, n_labels = shapes[f"{split_name}_images"][0], shapes[f"{split_name}_labels"][0]
        if n_images != n_labels:
            problem = f"must hold a label for each of {n_images:,} images, but holds {n_labels:,}"
            raise archives[f"{split_name}_labels"].refused(problem)
    expected, found = (" x ".join(map(str, shapes[part][1:])) for part in ("train_images", "test_images"))
    if expected != found:
        raise archives["test_images"].refused(f"must hold images of {expected} like the training images, not {found}")


def _read(archives, data_source):
    _check_shapes(archives)
    content = {part: idx.read(archive) for part, archive in archives.items()}
    n_classes = _count_classes(content["train_labels"], archives["train_labels"])
    _check_test_labels(content["test_labels"], n_classes, archives["test_labels"])
    train, test = (
        Labelled(content[f"{name}_images"], content[f"{name}_labels"].astype(np.int64)) for name in ("train", "test")
    )
    # Only from the training part: what is handed to training must not depend on the test images or labels.
    known = fashion_mnist.recognizes(train)
    names = fashion_mnist.CLASS_NAMES if known else tuple(str(index) for index in range(n_classes))
    return RawDataset(train, test, DatasetInfo(data_source, names, train.inputs.shape[1:]))


def _count_classes(labels, archive):
    counts = np.bincount(labels)
    if len(counts) < 2:
        raise archive.refused("must hold labels of at least 2 classes, but all are 0")
    rarest, last = int(np.argmin(counts)), len(counts) - 1
    if counts[rarest] < _FEWEST_PER_CLASS:
        rule = f"must hold every label from 0 to {last}, its largest, at least twice, for either side of the split"
        raise archive.refused(f"{rule}, but {rarest} occurs {counts[rarest]} time(s)")
    return len(counts)


def _check_test_labels(labels, n_classes, archive):
    if labels.max() >= n_classes:
        position = int(np.argmax(labels >= n_classes))
        rule = f"must hold labels from 0 to {n_classes - 1}, as the training labels do"
        raise archive.refused(f"{rule}, but label {position} is {labels[position]}")


def _part(labelled, chosen):
    return Labelled(labelled.inputs[chosen], labelled.labels[chosen])
