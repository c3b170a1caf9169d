"""Recognises what a `data_source` is by looking at it, and hands it to the module of its kind."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from components.core import events, parameters
from components.core.data import FASHION_MNIST, DatasetInfo, Labelled
from components.core.errors import InvalidInput
from components.remote.failures import Unreachable
from components.sources import (
    addresses,
    fashion_mnist,
    idx,
    image_folder,
    image_layout,
    labels,
    npz,
    remote,
    synthetic,
)
from components.sources.decoding import Size
from components.sources.places import Place
from components.sources.raw import RawData
from components.sources.split import split
from components.sources.transfer import Progress

__all__ = ["RawDataset", "Unreachable", "check_source", "load", "make_available", "split"]

KINDS = "a folder with four IDX archives, an .npz file or a folder of images"


@dataclass(frozen=True)
class RawDataset:
    """A data set before its training examples are split."""

    train: Labelled
    test: Labelled
    info: DatasetInfo


@dataclass(frozen=True)
class Options:
    """The parameters that only some kinds of data have a use for."""

    test_fraction: float = parameters.DEFAULT_TEST_FRACTION
    image_size: str = ""

    @property
    def size(self) -> Size | None:
        """Height and width that images are resized to, or None."""
        return parameters.height_and_width(self.image_size)

    def refuse_those_without_effect(self, kind: str, are_images: bool = False, has_test_split: bool = True) -> None:
        """Refuse an option that a kind of data would ignore.

        Raises:
            InvalidInput: the message names the parameter.
        """
        if self.image_size and not are_images:
            rule = "image_size must be left out for anything but a folder of images"
            raise InvalidInput(f"{rule}, got {self.image_size!r} with {kind}")
        if self.test_fraction != parameters.DEFAULT_TEST_FRACTION and has_test_split:
            rule = "test_fraction must be left out for data that has a test split of its own"
            raise InvalidInput(f"{rule}, got {self.test_fraction!r} with {kind}")


def check_source(
    data_source: str, test_fraction: float = parameters.DEFAULT_TEST_FRACTION, image_size: str = ""
) -> None:
    """Refuse a data source that can be seen to be unusable without reading much of it.

    The files are there, and their headers agree with each other; nothing is downloaded.

    Raises:
        InvalidInput: the message names the file and what is wrong with it.
    """
    parameters.check(data_source=data_source, test_fraction=test_fraction, image_size=image_size)
    options = Options(test_fraction, image_size)
    local_path = parameters.local_path(data_source)
    if data_source in parameters.NAMED_SOURCES:
        options.refuse_those_without_effect(data_source)
        if data_source == FASHION_MNIST and (place := fashion_mnist.named_folder()):
            _check_local(place, options)
    elif local_path is not None:
        _check_local(Place(Path(local_path), local_path), options)
    else:
        address = addresses.parse(data_source)
        if address.is_npz or address.scheme == "https":
            options.refuse_those_without_effect(address.shown)


def load(
    data_source: str,
    seed: int,
    test_fraction: float = parameters.DEFAULT_TEST_FRACTION,
    image_size: str = "",
    progress: Progress | None = None,
) -> RawDataset:
    """Return the data set that `data_source` names, all of it checked.

    Args:
        data_source: `fashion-mnist`, `synthetic`, a path or an address, see docs/data.md.
        seed: decides the synthetic images, and which images of a folder without test split become one.
        test_fraction: the share that those are of each class.
        image_size: `HEIGHTxWIDTH`, or one number for both, that a folder's images are resized to; empty for none.
        progress: hears of the bytes of a download; this process's event listener when None.

    Raises:
        Unreachable: what has to be downloaded can't be.
        InvalidInput: no such data, or unusable; the message names the file and what is wrong with it.
    """
    check_source(data_source, test_fraction, image_size)
    if data_source == "synthetic":
        train, test = synthetic.draw(seed)
        return RawDataset(train, test, DatasetInfo(data_source, fashion_mnist.CLASS_NAMES, train.inputs.shape[1:]))
    report_progress = progress or events.listener.downloaded
    options = Options(test_fraction, image_size)
    if data_source == FASHION_MNIST:
        return _fashion_mnist(report_progress)
    local_path = parameters.local_path(data_source)
    if local_path is not None:
        return _encoded(_read_local(Place(Path(local_path), local_path), options, seed), data_source)
    place = remote.fetch(addresses.parse(data_source), _part_of_data, report_progress)
    return _encoded(_read_local(place, options, seed), data_source)


def make_available(data_source: str, progress: Progress) -> None:
    """Refuse a data source that is unusable, and download what of it is published and not here yet.

    Raises:
        Unreachable: it can't be downloaded.
        InvalidInput: as `check_source`.
    """
    check_source(data_source)
    if data_source == FASHION_MNIST and fashion_mnist.named_folder() is None:
        fashion_mnist.fetch(progress=progress)


def _fashion_mnist(progress: Progress) -> RawDataset:
    place = fashion_mnist.named_folder()
    if place is None:
        folder = fashion_mnist.fetch(progress=progress)
        return _encoded(_read_idx(Place(folder, str(folder)), list(idx.CLASSIC_NAMES.values())), FASHION_MNIST)
    found = _encoded(_read_local(place, Options(), seed=0), FASHION_MNIST)
    if found.info.known_as != FASHION_MNIST:
        raise place.refused("must hold Fashion-MNIST, and holds something else; give its folder as data_source")
    return found


def _encoded(raw: RawData, data_source: str) -> RawDataset:
    train, test, names = labels.encode(raw)
    # Only from the training part: what is handed to training must not depend on the test inputs or labels.
    is_fashion_mnist = len(names) == len(fashion_mnist.CLASS_NAMES) and fashion_mnist.recognizes(train)
    info = DatasetInfo(
        parameters.shown_source(data_source),
        fashion_mnist.CLASS_NAMES if is_fashion_mnist and raw.stated is None else names,
        train.inputs.shape[1:],
        train.inputs.dtype.name,
        known_as=FASHION_MNIST if is_fashion_mnist else "",
    )
    return RawDataset(train, test, info)


def _check_local(place: Place, options: Options) -> None:
    kind, names = _recognise(place)
    if kind == "images":
        layout = image_layout.arrange(place, names)
        options.refuse_those_without_effect(place.shown, are_images=True, has_test_split=layout.test is not None)
        image_folder.check(place, layout, options.size)
        return
    options.refuse_those_without_effect(place.shown)
    if kind == "npz":
        npz.check(_archive(place, names))
    else:
        idx.check(idx.choose(place, names), place)


def _read_local(place: Place, options: Options, seed: int) -> RawData:
    kind, names = _recognise(place)
    if kind == "images":
        layout = image_layout.arrange(place, names)
        options.refuse_those_without_effect(place.shown, are_images=True, has_test_split=layout.test is not None)
        raw = image_folder.read(place, layout, options.size, options.test_fraction, seed)
        return replace(raw, stated=labels.read_names(place))
    options.refuse_those_without_effect(place.shown)
    return _read_npz(_archive(place, names)) if kind == "npz" else _read_idx(place, names)


def _read_idx(folder: Place, names: Sequence[str]) -> RawData:
    return replace(idx.read(idx.choose(folder, names), folder), stated=labels.read_names(folder))


def _read_npz(archive: Place) -> RawData:
    raw, listed = npz.read(archive), labels.read_names(archive.parent)
    if listed is None:
        return raw
    if raw.stated and raw.stated.names != listed.names:
        raise listed.place.refused(f"must list the class names that {raw.stated.place.shown} holds, or not be there")
    return replace(raw, stated=listed)


def _archive(place: Place, names: Sequence[str]) -> Place:
    return place / _npz_names(names)[0] if names else place


def _recognise(place: Place) -> tuple[str, Sequence[str]]:
    """Return the kind of data at a place (`idx`, `npz` or `images`), and the names below it, none of a single file.

    Raises:
        InvalidInput: there is nothing, nothing known, or more than one thing.
    """
    rule = f"data_source must be {KINDS}"
    try:
        if place.path.suffix.lower() == ".npz" and not place.path.is_dir():
            place.path.stat()
            return "npz", ()
        names = [entry.name for entry in place.path.iterdir()]
        kind = _kind(place, [name for name in names if not (place.path / name).is_dir() or _is_named(name)])
        if kind is None:
            names = image_layout.names_in(place.path)
            kind = "images"
    except OSError as error:
        raise InvalidInput(f"{rule}, got {place.origin!r}: {error.strerror or error}") from error
    if kind == "images" and not any(name.lower().endswith(image_layout.SUFFIXES) for name in names):
        _refuse_folder_above(place, names)
    if kind == "images" and not any("/" in name or name.lower().endswith(image_layout.SUFFIXES) for name in names):
        classic = idx.CLASSIC_NAMES["train_inputs"]
        held = f"{place.origin!r} holds neither {classic}, nor an .npz file, nor images, but {idx.seen(names)}"
        raise InvalidInput(f"{rule}, and {held}; give the archives names like {classic}")
    return kind, names


def _refuse_folder_above(place: Place, names: Sequence[str]) -> None:
    """Refuse a folder whose archives lie in a folder below it, by that one's name."""
    folders = sorted({name.rpartition("/")[0] for name in names if "/" in name})
    for folder in folders:
        below = [name.removeprefix(f"{folder}/") for name in names if name.startswith(f"{folder}/")]
        if any(idx.candidates(below).values()) or _npz_names(below):
            raise place.refused(f"must be the folder that holds the data itself; name {(place / folder).shown}")


def _kind(place: Place, names: Sequence[str]) -> str | None:
    """Return the kind of data that files at the top of a folder make it, or None when they make it none."""
    archives = _npz_names(names)
    idx_names = [name for found in idx.candidates(names).values() for name in found]
    if len(archives) > 1 or (archives and idx_names):
        odd = " and ".join([*archives, *idx_names][:2])
        raise place.refused(f"must hold one data set, but {odd} are two; name one of them, or move the other")
    return "npz" if archives else "idx" if idx_names else None


def _is_named(name: str) -> bool:
    """Return whether a name is one of a data set's files, so that a folder of that name is not looked into."""
    return bool(_npz_names([name])) or any(idx.candidates([name]).values())


def _npz_names(names: Sequence[str]) -> list[str]:
    return sorted(name for name in names if name.lower().endswith(".npz") and not name.startswith("."))


def _part_of_data(place: Place, names: Sequence[str]) -> list[str]:
    """Return, of all names below an address, those that a data set consists of, before they are downloaded."""
    top = [name for name in names if "/" not in name]
    kind = _kind(place, top)
    if kind == "npz":
        chosen = _npz_names(top)
    elif kind == "idx":
        idx.choose(place, top)
        chosen = [name for found in idx.candidates(top).values() for name in found]
    else:
        layout = image_layout.arrange(place, names)
        chosen = [example.name for example in (*layout.train, *(layout.test or ()))]
    return chosen + [name for name in top if name == labels.CLASSES_FILE]
