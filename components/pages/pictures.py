"""Images of the data set as SVG.

They stand in the page as they are, where an `<img>` would count as something to fetch, if only from a `data:` URL.
"""

import html
import math

import numpy as np
from markupsafe import Markup
from PIL import Image

from components.pages.texts import clean

LARGEST_SIDE = 40
"""Pixels of a side of an image that is shown; a larger one is scaled down, so that the page stays small."""

GREY_STEP = 8
"""Grey levels that are shown as one."""

N_COLOURS = 32
"""Colours of a colour image that are shown."""


def levels(inputs: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return images as 8-bit levels, and whether their numbers had to be stretched to that.

    Args:
        inputs: uint8, or float32 from 0 to 1, from 0 to 255 or of any range, which is stretched; shape (n, height,
            width) or (n, height, width, channels).

    Returns:
        uint8, shape (n, height, width) or (n, height, width, 3); what is transparent is on white.
    """
    pixels = inputs[..., 0] if inputs.ndim == 4 and inputs.shape[3] == 1 else inputs
    pixels, stretched = _as_bytes(pixels)
    if pixels.ndim == 4 and pixels.shape[3] == 4:
        alpha = pixels[..., 3:] / 255
        pixels = (pixels[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
    return pixels, stretched


def picture(pixels: np.ndarray, alternative: str) -> Markup:
    """Return an image as an SVG of runs of equal pixels.

    Args:
        pixels: uint8, shape (height, width) or (height, width, 3).
        alternative: what it shows, in words.
    """
    indices, colours = _few_colours(Image.fromarray(np.ascontiguousarray(pixels)))
    height, width = indices.shape
    ground = int(np.bincount(indices.ravel()).argmax())
    paths = "".join(_runs(indices, index, colours[index]) for index in np.unique(indices).tolist() if index != ground)
    return Markup(
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(clean(alternative))}" '
        f'shape-rendering="crispEdges"><rect width="{width}" height="{height}" fill="{colours[ground]}"/>{paths}</svg>'
    )


def _as_bytes(pixels: np.ndarray) -> tuple[np.ndarray, bool]:
    if pixels.dtype == np.uint8 or not pixels.size:
        return pixels.astype(np.uint8), False
    finite = np.nan_to_num(pixels.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = finite.min(), finite.max()
    stretched = low < 0 or high > 255
    if not stretched:
        low, high = 0.0, 1.0 if high <= 1 else 255.0
    return ((finite - low) / (high - low) * 255).round().astype(np.uint8), bool(stretched)


def _few_colours(image: Image.Image) -> tuple[np.ndarray, list[str]]:
    """Return an image, scaled down, as indices, shape (height, width), into a list of CSS colours."""
    image = image.reduce(math.ceil(max(image.size) / LARGEST_SIDE))
    if image.mode == "L":
        greys = [round(level * 255 / (255 // GREY_STEP)) for level in range(256 // GREY_STEP)]
        return np.asarray(image) // GREY_STEP, [f"#{grey:02x}{grey:02x}{grey:02x}" for grey in greys]
    few = image.quantize(N_COLOURS, dither=Image.Dither.NONE)
    palette = np.reshape(few.getpalette() or [], (-1, 3)).tolist()
    return np.asarray(few), ["#{:02x}{:02x}{:02x}".format(*colour) for colour in palette]


def _runs(indices: np.ndarray, index: int, colour: str) -> str:
    """Return a path that strokes every run of pixels of one colour."""
    padded = np.pad(indices == index, ((0, 0), (1, 1))).astype(np.int8)
    (rows, starts), (_, ends) = (np.nonzero(np.diff(padded) == sign) for sign in (1, -1))
    strokes = "".join(f"M{x} {y}.5h{end - x}" for y, x, end in zip(rows, starts, ends, strict=True))
    return f'<path stroke="{colour}" d="{strokes}"/>'
