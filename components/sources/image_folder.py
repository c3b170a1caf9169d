"""A folder of PNG and JPEG images, decoded by Pillow into one array of bytes.

The first training image and the training images' modes decide size and channels; test images must follow.
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.core.errors import InvalidInput
from components.sources import decoding, memory
from components.sources.decoding import Size
from components.sources.image_layout import Example, Layout
from components.sources.places import Place
from components.sources.raw import RawData, RawSplit, needed_bytes, times
from components.sources.split import FEWEST_PER_CLASS, choose_test

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Format:
    """What every image becomes: a size, and grey or red, green and blue."""

    size: Size
    is_grey: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return self.size if self.is_grey else (*self.size, 3)

    @property
    def n_bytes(self) -> int:
        return self.size[0] * self.size[1] * (1 if self.is_grey else 3)


def check(folder: Place, layout: Layout, size: Size | None) -> None:
    """Refuse a folder that can be seen to be unusable by its names and the headers of one image a class.

    Raises:
        InvalidInput: the message names the file.
    """
    examples = [*layout.train, *(layout.test or ())]
    first_of_each = {example.class_name: example for example in reversed(layout.train)}.values()
    found = _format(folder, sorted(first_of_each, key=lambda example: example.name), size)
    _check_memory(folder, found, len(examples), len(layout.test or ()))
    if layout.test is None:
        _class_indices(folder, layout.train)


def read(folder: Place, layout: Layout, size: Size | None, test_fraction: float, seed: int) -> RawData:
    """Return all images, decoded.

    Args:
        folder: what the layout's names are relative to.
        layout: the images and their classes.
        size: what images are resized to; None when they must all have one size.
        test_fraction: share of each class that becomes the test split, when the layout has none.
        seed: decides which.

    Raises:
        InvalidInput: an image can't be decoded, or has another size; the message names it.
    """
    found = _format(folder, layout.train, size)
    _check_memory(folder, found, len(layout.train) + len(layout.test or ()), len(layout.test or ()))
    train, test = layout.train, layout.test
    if test is None:
        held_out = choose_test(_class_indices(folder, train), test_fraction, seed)
        test = tuple(example for example, is_test in zip(train, held_out, strict=True) if is_test)
        train = tuple(example for example, is_test in zip(train, held_out, strict=True) if not is_test)
    places = (folder, folder) if layout.test is None else (folder / "train", folder / "test")
    train_part, test_part = (
        RawSplit(
            _decode_all(folder, part, found, may_resize=size is not None),
            np.array([example.class_name for example in part]),
            place,
        )
        for part, place in zip((train, test), places, strict=True)
    )
    return RawData(train_part, test_part)


def _class_indices(folder: Place, examples: Iterable[Example]) -> Array:
    names, indices, counts = np.unique(
        [example.class_name for example in examples], return_inverse=True, return_counts=True
    )
    rarest = int(np.argmin(counts))
    if counts[rarest] <= FEWEST_PER_CLASS:
        rule = f"must hold at least {FEWEST_PER_CLASS + 1} images, for training, validation and test"
        raise (folder / str(names[rarest])).refused(f"{rule}, but holds {counts[rarest]}")
    return indices


def _check_memory(folder: Place, found: Format, n_examples: int, n_test: int) -> None:
    needed = needed_bytes((n_examples - n_test) * found.n_bytes, n_test * found.n_bytes)
    memory.check(needed, f"{folder.shown} with {n_examples:,} images of {times(found.shape)}")


def _format(folder: Place, examples: Iterable[Example], size: Size | None) -> Format:
    """Return the format of images from their headers, which must agree on the size where none is given."""
    is_grey, wanted = True, size
    for example in examples:
        place = folder / example.name
        with _damage_named(place):
            found, found_grey = decoding.header(place.path)
        is_grey = is_grey and found_grey
        wanted = wanted or found
        if size is None and found != wanted:
            raise _other_size(place, found, wanted)
    if wanted is None:
        raise folder.refused("must hold at least one training image")
    return Format(wanted, is_grey)


def _other_size(place: Place, found: Size, wanted: Size) -> InvalidInput:
    rule = f"must have {times(wanted)} pixels like the first training image"
    return place.refused(f"{rule}, got {times(found)}; give image_size to have all resized")


def _decode_all(folder: Place, examples: tuple[Example, ...], wanted: Format, may_resize: bool) -> Array:
    images = np.empty((len(examples), *wanted.shape), np.uint8)
    for index, example in enumerate(examples):
        place = folder / example.name
        with _damage_named(place):
            image = decoding.pixels(place.path)
        if wanted.is_grey and image.mode not in decoding.GREY_MODES:
            raise place.refused("must be grey like all training images, but has colours")
        found = (image.height, image.width)
        if found != wanted.size and not may_resize:
            raise _other_size(place, found, wanted.size)
        images[index] = decoding.as_array(image, wanted.size, "L" if wanted.is_grey else "RGB")
    return images


@contextlib.contextmanager
def _damage_named(place: Place) -> Iterator[None]:
    """Turn what a damaged image can do to a decoder into a refusal that names the file."""
    place.check_file()
    try:
        yield
    except decoding.Undecodable as error:
        raise place.refused(str(error)) from error.__cause__
