"""PNG and JPEG images, decoded by Pillow: whole, one picture each, 8 bits a channel, turned as they are to be seen."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

Size = tuple[int, int]
"""Height and width in pixels."""
Encoded = Path | bytes
"""An image file, or what is in one."""

GREY_MODES = ("1", "L", "LA")

_FORMATS = ("PNG", "JPEG")
_DEEP_MODES = ("I", "F")
_PNG_DEPTH_AT = 24  # the byte of a PNG's header that holds the bits a channel
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap height and width
_ORIENTATION = 0x0112


class Undecodable(ValueError):
    """An image that can't be used; the message says what it must be, beginning with `must`."""


def header(encoded: Encoded) -> tuple[Size, bool]:
    """Return an image's size as it is to be seen, and whether it is grey, from its header.

    Raises:
        Undecodable: no PNG or JPEG image, too large, or of more than 8 bits a channel.
    """
    with _refusing_damage(), _opened(encoded) as image:
        _check_depth(image, encoded)
        sideways = image.getexif().get(_ORIENTATION) in _SIDEWAYS
        size = (image.width, image.height) if sideways else (image.height, image.width)
        return size, image.mode in GREY_MODES


def pixels(encoded: Encoded) -> Image.Image:
    """Return an image, whole and turned as it is to be seen.

    Raises:
        Undecodable: as `header`; also when it is damaged, or several pictures.
    """
    with _refusing_damage():
        with _opened(encoded) as image:
            image.verify()  # a PNG's checksums, which loading does not look at
        with _opened(encoded) as image:
            _check_depth(image, encoded)
            n_frames = getattr(image, "n_frames", 1)
            if n_frames > 1:
                raise Undecodable(f"must be one image, but holds {n_frames}")
            return ImageOps.exif_transpose(image)


def as_array(image: Image.Image, size: Size, mode: str) -> np.ndarray:
    """Return an image as bytes: shape size, or (*size, channels), scaled to `size` where it has another.

    Args:
        image: decoded.
        size: height and width.
        mode: of Pillow: `L`, `RGB` or `RGBA`.
    """
    converted = image.convert(mode)
    if (image.height, image.width) != size:
        converted = converted.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(converted)


def _opened(encoded: Encoded) -> Image.Image:
    return Image.open(io.BytesIO(encoded) if isinstance(encoded, bytes) else encoded, formats=_FORMATS)


@contextlib.contextmanager
def _refusing_damage() -> Iterator[None]:
    """Turn what a damaged image can do to a decoder into `Undecodable`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (Undecodable, MemoryError):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise Undecodable(f"must have at most {Image.MAX_IMAGE_PIXELS:,} pixels") from None
    except UnidentifiedImageError:
        raise Undecodable("must be a PNG or JPEG image, and can't be read as one") from None
    except Exception as error:  # a decoder's error may be of any kind
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Undecodable(f"must be an undamaged PNG or JPEG image: {reason}") from error


def _check_depth(image: Image.Image, encoded: Encoded) -> None:
    """Refuse 16 bits a channel, which Pillow would cut to 8 without a word."""
    is_deep = image.mode.startswith(_DEEP_MODES)
    if image.format == "PNG" and not is_deep:
        is_deep = _byte(encoded, _PNG_DEPTH_AT) == b"\x10"
    if is_deep:
        raise Undecodable("must have 8 bits a channel, but has 16; convert it")


def _byte(encoded: Encoded, index: int) -> bytes:
    if isinstance(encoded, bytes):
        return encoded[index : index + 1]
    with encoded.open("rb") as file:
        file.seek(index)
        return file.read(1)
