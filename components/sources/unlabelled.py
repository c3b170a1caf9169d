"""Examples without labels, of every kind of data that can be trained on: what a model is asked about."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.core import events, parameters
from components.core.data import FASHION_MNIST
from components.core.errors import InvalidInput
from components.sources import addresses, dataset, decoding, fashion_mnist, idx, image_layout, npz, remote
from components.sources.places import Place
from components.sources.raw import times

_AT_ONCE = 4


@dataclass(frozen=True)
class Unlabelled:
    """Examples in an order that is always the same.

    Attributes:
        names: what each is called: a file's name below the folder, or an array's name and an index.
        read: returns the examples from one index to another, shape (n, *input_shape), of the model's type.
    """

    names: Sequence[str]
    read: Callable[[int, int], np.ndarray]

    def __len__(self) -> int:
        return len(self.names)

    def batches(self, start: int, size: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield an index and the examples from there on, the next ones being read meanwhile."""
        starts = range(start, len(self), size)
        with ThreadPoolExecutor(1) as ahead:
            waiting = [ahead.submit(self.read, at, min(at + size, len(self))) for at in starts[:1]]
            for index, at in enumerate(starts):
                found = waiting.pop().result()
                if following := starts[index + 1 : index + 2]:
                    waiting.append(ahead.submit(self.read, following[0], min(following[0] + size, len(self))))
                yield at, found


@dataclass(frozen=True)
class Wanted:
    """What a model takes.

    Attributes:
        shape, dtype: of one example.
        resize: whether images of another size are scaled to it.
    """

    shape: tuple[int, ...]
    dtype: str
    resize: bool = False


def examples(data_source: str, wanted: Wanted) -> Unlabelled:
    """Return the examples that a data source holds; its labels, if it has any, are not looked at.

    Args:
        data_source: a name, a path or an address, as for `prepare`; also a single IDX file.
        wanted: what they must be.

    Raises:
        InvalidInput: no such data, or examples that the model does not take; the message names the file.
    """
    parameters.check_data_source(data_source)
    if data_source == "synthetic":
        return _of_arrays({"synthetic": dataset.load(data_source, seed=0).test.inputs}, wanted)
    place = _place(data_source)
    names = _names(place)
    kind = _kind(place, names)
    if wanted.resize and kind != "images":
        raise InvalidInput(f"resize must be false for anything but a folder of images, got true with {place.shown}")
    if kind == "images":
        return _of_images(place, [name for name in names if name.lower().endswith(image_layout.SUFFIXES)], wanted)
    if kind == "npz":
        return _of_arrays(npz.read_inputs_alone(place / names[0] if place.path.is_dir() else place), wanted)
    files = [place / name for name in names] if place.path.is_dir() else [place]
    return _of_arrays({file.path.name: idx.read_inputs(file) for file in files}, wanted)


def _place(data_source: str) -> Place:
    if data_source == FASHION_MNIST:
        named = fashion_mnist.named_folder()
        folder = named.path if named else fashion_mnist.fetch(progress=events.listener.downloaded)
        return Place(folder, str(folder))
    local = parameters.local_path(data_source)
    if local is not None:
        return Place(Path(local), local)
    return remote.fetch(addresses.parse(data_source), lambda place, names: list(names), events.listener.downloaded)


def _names(place: Place) -> list[str]:
    try:
        if not place.path.is_dir():
            place.path.stat()
            return [place.path.name]
        found = sorted(path for path in place.path.rglob("*") if path.is_file())
    except OSError as error:
        raise InvalidInput(f"data_source can't be read, got {place.origin!r}: {error.strerror or error}") from error
    names = [path.relative_to(place.path).as_posix() for path in found]
    return [name for name in names if not any(part.startswith(".") for part in name.split("/"))]


def _kind(place: Place, names: list[str]) -> str:
    """Return `images`, `npz` or `idx`, and leave in `names` the files that are read.

    Raises:
        InvalidInput: there is nothing known, or more than one thing.
    """
    archives = [name for name in names if name.lower().endswith(".npz")]
    arrays = [name for name in names if idx.holds_inputs(name)]
    images = [name for name in names if name.lower().endswith(image_layout.SUFFIXES)]
    found = {"npz": archives, "idx": arrays, "images": images}
    kinds = [kind for kind, files in found.items() if files]
    if not kinds and not place.path.is_dir():
        return "idx"  # of any name: its header says what it is
    if len(kinds) != 1 or len(archives) > 1:
        held = " and ".join(found[kind][0] for kind in kinds) or idx.seen(names)
        raise place.refused(
            f"must hold images, one .npz file or IDX files of inputs, and nothing else; it holds {held}"
        )
    names[:] = found[kinds[0]]
    return kinds[0]


def _of_arrays(arrays: dict[str, np.ndarray], wanted: Wanted) -> Unlabelled:
    for name, array in arrays.items():
        if array.shape[1:] != wanted.shape or array.dtype != wanted.dtype:
            raise InvalidInput(
                f"data_source: {name} must hold {wanted.dtype} examples of {times(wanted.shape)}, as the model takes, "
                f"got {array.dtype} of {times(array.shape[1:])}"
            )
    names = [f"{name}[{index}]" for name, array in arrays.items() for index in range(len(array))]
    whole = list(arrays.values())
    everything = whole[0] if len(whole) == 1 else np.concatenate(whole)
    return Unlabelled(names, lambda start, end: np.asarray(everything[start:end]))


def _of_images(place: Place, names: list[str], wanted: Wanted) -> Unlabelled:
    height, width, channels = (*wanted.shape, 1)[:3] if len(wanted.shape) in (2, 3) else (0, 0, 0)
    modes = {1: "L", 3: "RGB", 4: "RGBA"}
    if wanted.dtype != "uint8" or channels not in modes:
        raise place.refused(f"holds images, and the model takes {wanted.dtype} examples of {times(wanted.shape)}")

    def one(name: str) -> np.ndarray:
        file = place / name
        file.check_file()
        try:
            image = decoding.pixels(file.path)
        except decoding.Undecodable as error:
            raise file.refused(str(error)) from None
        if modes[channels] == "L" and image.mode not in decoding.GREY_MODES:
            raise file.refused("must be grey, as the model takes, but has colours")
        if (image.height, image.width) != (height, width) and not wanted.resize:
            found = times((image.height, image.width))
            raise file.refused(f"must have {times((height, width))} pixels, got {found}; --resize scales it")
        return decoding.as_array(image, (height, width), modes[channels]).reshape(wanted.shape)

    def read(start: int, end: int) -> np.ndarray:
        with ThreadPoolExecutor(_AT_ONCE) as executor:
            return np.stack(list(executor.map(one, names[start:end])))

    return Unlabelled(names, read)
