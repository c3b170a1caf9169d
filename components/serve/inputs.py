"""What a request carries, as one array of what the model takes: arrays as they are, or images in PNG or JPEG."""

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from components.inference.servable import Servable
from components.serve.errors import Refused
from components.sources import decoding

INPUT = "inputs"
IMAGES = "BYTES"
DATATYPES = {"uint8": "UINT8", "float32": "FP32"}
"""The protocol's name of each type that a model may take."""

_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}
_STARTS = (b"\x89PNG", b"\xff\xd8")


def of_instances(body: Any, servable: Servable) -> np.ndarray:
    """Return the inputs of a v1 request, `{"instances": […]}`: each an array, or `{"b64": an image in base64}`.

    Returns:
        Of the model's type, shape (n, *input_shape).

    Raises:
        Refused: it is something else; the message says which instance, and what it must be.
    """
    if not isinstance(body, dict) or not isinstance(body.get("instances"), list):
        raise Refused('the request must be JSON, {"instances": [...]}')
    if odd := sorted(set(body) - {"instances"}):
        raise Refused(f"the request must hold instances alone, and {odd[0]!r} has no effect")
    instances = body["instances"]
    if not instances:
        raise Refused("instances must hold at least one")
    encoded = [isinstance(each, dict) for each in instances]
    if not any(encoded):
        return checked(_array(instances, "instances"), servable, "instances")
    for index, each in enumerate(instances):
        if not isinstance(each, dict) or set(each) != {"b64"} or not isinstance(each["b64"], str):
            raise Refused(f'instances[{index}] must be {{"b64": "..."}} like the others, or all of them arrays')
    return _decoded_pictures([each["b64"] for each in instances], servable, "instances")


def of_tensor(request: Any, servable: Servable) -> np.ndarray:
    """Return the inputs of a v2 request: one tensor named `inputs` of the model's type, or BYTES with images.

    Args:
        request: KServe's `InferRequest`.
        servable: the model that is asked.

    Returns:
        Of the model's type, shape (n, *input_shape).

    Raises:
        Refused: it is something else.
    """
    names = [tensor.name for tensor in request.inputs]
    if names != [INPUT]:
        raise Refused(f"the request must have one input, {INPUT!r}, got {', '.join(map(repr, names)) or 'none'}")
    (tensor,) = request.inputs
    if tensor.datatype == IMAGES:
        return _pictures(_content(tensor), list(tensor.shape), servable)
    wanted = DATATYPES[servable.input_dtype]
    if tensor.datatype != wanted:
        raise Refused(f"{INPUT} must be {wanted}, or {IMAGES} for images in PNG or JPEG, got {tensor.datatype}")
    content, shape = _array(_content(tensor), INPUT), tuple(tensor.shape)
    if any(side < 0 for side in shape) or content.size != np.prod(shape):
        raise Refused(f"{INPUT} must hold as many numbers as its shape {list(shape)} says, got {content.size:,}")
    return checked(content.reshape(shape), servable, INPUT)


def checked(array: np.ndarray, servable: Servable, name: str) -> np.ndarray:
    """Return numbers as the model takes them.

    Raises:
        Refused: they have another shape, or are none that the model's type holds.
    """
    if array.ndim == 0 or array.shape[1:] != servable.input_shape or not len(array):
        wanted, got = ", ".join(map(str, servable.input_shape)), ", ".join(map(str, array.shape))
        raise Refused(f"{name} must have the shape (n, {wanted}), got ({got})")
    if servable.input_dtype == "uint8":
        if array.dtype != np.uint8 and not ((array == np.floor(array)) & (array >= 0) & (array <= 255)).all():
            raise Refused(f"{name} must hold integers from 0 to 255")
    elif not np.isfinite(array).all():
        raise Refused(f"{name} must hold finite numbers")
    return array.astype(servable.input_dtype)


def picture(data: bytes, servable: Servable, name: str) -> np.ndarray:
    """Return an image in PNG or JPEG as the model takes it.

    Returns:
        uint8, shape `input_shape`.

    Raises:
        Refused: it can't be read, has another size, or the model takes no images.
    """
    height_and_width, mode = _form(servable)
    try:
        image = decoding.pixels(data)
    except decoding.Undecodable as error:
        raise Refused(f"{name} {error}") from None
    if (image.height, image.width) != height_and_width:
        wanted = f"{height_and_width[0]} x {height_and_width[1]}"
        raise Refused(f"{name} must have {wanted} pixels (height x width), got {image.height} x {image.width}")
    if mode == "L" and image.mode not in decoding.GREY_MODES:
        raise Refused(f"{name} must be grey, but has colours")
    return np.asarray(image.convert(mode)).reshape(servable.input_shape)


def _form(servable: Servable) -> tuple[tuple[int, int], str]:
    """Return the height and width, and the mode, of the images that a model takes."""
    height, width, channels = (*servable.input_shape, 1)[:3] if len(servable.input_shape) in (2, 3) else (0, 0, 0)
    if servable.input_dtype != "uint8" or channels not in _CHANNELS:
        raise Refused(f"images can't be taken by a model of {servable.input_dtype} inputs {servable.input_shape}")
    return (height, width), _CHANNELS[channels]


def _pictures(content: Sequence[Any], shape: list[int], servable: Servable) -> np.ndarray:
    if shape not in ([len(content)], [len(content), 1]) or not len(content):
        raise Refused(f"{INPUT} of {IMAGES} must have the shape (n), an image each, got {shape} of {len(content)}")
    return _decoded_pictures(np.ravel(np.asarray(content, object)), servable, INPUT)


def _decoded_pictures(encoded: Iterable[Any], servable: Servable, name: str) -> np.ndarray:
    """Return images, each in base64, or as it is in a file."""
    rows = []
    for index, each in enumerate(encoded):
        is_raw = isinstance(each, bytes) and each.startswith(_STARTS)
        data = each if is_raw else _decoded(each, f"{name}[{index}]")
        rows.append(picture(data, servable, f"{name}[{index}]"))
    return np.stack(rows)


def _content(tensor: Any) -> Any:
    """Return what a tensor holds, however it came."""
    try:
        return tensor.as_numpy() if tensor.data is None or tensor._raw_data is not None else tensor.data
    except Exception as error:  # numpy's, struct's, and KServe's own
        raise Refused(f"{INPUT} can't be read: {' '.join(str(error).split())}") from None


def _array(values: Any, name: str) -> np.ndarray:
    try:
        found = np.asarray(values)
    except ValueError:
        raise Refused(f"{name} must be arrays of one shape") from None
    if found.dtype.kind not in "uif":
        raise Refused(f"{name} must hold numbers")
    return found


def _decoded(text: str | bytes, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise Refused(f"{name} must be an image in base64") from None
