"""A folder of PNG and JPEG images, decoded by Pillow into one array of bytes.

The first training image and the training images' modes decide size and channels; test images must follow.
"""

import contextlib
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from components.core.errors import InvalidInput
from components.prepare import memory
from components.prepare.image_layout import Example, Layout
from components.prepare.places import Place
from components.prepare.raw import RawData, RawSplit, needed_bytes, times
from components.prepare.split import FEWEST_PER_CLASS, choose_test

Array = np.ndarray[Any, Any]
Size = tuple[int, int]
"""Height and width in pixels."""

_FORMATS = ("PNG", "JPEG")
_GREY_MODES = ("1", "L", "LA")
_DEEP_MODES = ("I", "F")
_PNG_DEPTH_AT = 24  # the byte of a PNG's header that holds the bits a channel
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap height and width
_ORIENTATION = 0x0112


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
            found, found_grey = _header(place)
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
            image = _pixels(place)
        if wanted.is_grey and image.mode not in _GREY_MODES:
            raise place.refused("must be grey like all training images, but has colours")
        found = (image.height, image.width)
        if found != wanted.size and not may_resize:
            raise _other_size(place, found, wanted.size)
        image = image.convert("L" if wanted.is_grey else "RGB")
        if found != wanted.size:
            image = image.resize((wanted.size[1], wanted.size[0]), Image.Resampling.BILINEAR)
        images[index] = np.asarray(image)
    return images


@contextlib.contextmanager
def _damage_named(place: Place) -> Iterator[None]:
    """Turn what a damaged image can do to a decoder into a refusal that names the file."""
    place.check_file()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (InvalidInput, MemoryError):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise place.refused(f"must have at most {Image.MAX_IMAGE_PIXELS:,} pixels") from None
    except UnidentifiedImageError:
        raise place.refused("must be a PNG or JPEG image, and can't be read as one") from None
    except Exception as error:  # a decoder's error may be of any kind
        reason = " ".join(str(error).split()) or type(error).__name__
        raise place.refused(f"must be an undamaged PNG or JPEG image: {reason}") from error


def _header(place: Place) -> tuple[Size, bool]:
    """Return an image's size as it is to be seen, and whether it is grey, from its header."""
    with Image.open(place.path, formats=_FORMATS) as image:
        _check_depth(image, place)
        sideways = image.getexif().get(_ORIENTATION) in _SIDEWAYS
        size = (image.width, image.height) if sideways else (image.height, image.width)
        return size, image.mode in _GREY_MODES


def _pixels(place: Place) -> Image.Image:
    """Return an image, whole and turned as it is to be seen."""
    with Image.open(place.path, formats=_FORMATS) as image:
        image.verify()  # a PNG's checksums, which loading does not look at
    with Image.open(place.path, formats=_FORMATS) as image:
        _check_depth(image, place)
        n_frames = getattr(image, "n_frames", 1)
        if n_frames > 1:
            raise place.refused(f"must be one image, but holds {n_frames}")
        return ImageOps.exif_transpose(image)


def _check_depth(image: Image.Image, place: Place) -> None:
    """Refuse 16 bits a channel, which Pillow would cut to 8 without a word."""
    is_deep = image.mode.startswith(_DEEP_MODES)
    if image.format == "PNG" and not is_deep:
        with place.path.open("rb") as file:
            file.seek(_PNG_DEPTH_AT)
            is_deep = file.read(1) == b"\x10"
    if is_deep:
        raise place.refused("must have 8 bits a channel, but has 16; convert it")
