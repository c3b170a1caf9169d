"""The pipeline's parameters: what each may be, and the one place that refuses a value.

The command line, the pipeline and every component check through here, so that a value is refused with the
same sentence wherever it comes in. Defaults stand in the pipeline's signature, not here.
"""

import re
from dataclasses import dataclass
from typing import Any

from components.core.errors import InvalidInput


@dataclass(frozen=True)
class Range:
    """A closed interval of numbers of one type; both ends are allowed."""

    type: type
    low: float
    high: float

    def __str__(self) -> str:
        noun = "an integer" if self.type is int else "a number"
        return f"{noun} from {self.low} to {self.high}"

    def check(self, name: str, value: Any) -> Any:
        """Return `value` as the range's type.

        Raises:
            InvalidInput: not such a number (booleans and text are none), not finite, or out of the range.
        """
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not self.low <= value <= self.high or value != self.type(value):
            raise InvalidInput(f"{name} must be {self}, got {value!r}")
        return self.type(value)


RANGES = {
    "validation_fraction": Range(float, 0.01, 0.5),
    "test_fraction": Range(float, 0.01, 0.5),
    "max_trials": Range(int, 1, 100_000),
    "trial_epochs": Range(int, 1, 10_000),
    "trial_time_limit_s": Range(int, 0, 604_800),
    "workers": Range(int, 0, 1_024),
    "training_epochs": Range(int, 1, 10_000),
    "early_stopping_patience": Range(int, 0, 10_000),
    "seed": Range(int, 0, 4_294_967_295),
}
"""Number parameters by name. Times are in seconds (`_s`), fractions are shares of one."""

BOOLEANS = ("stop_trials_early", "refit")

NAMED_SOURCES = ("fashion-mnist", "synthetic")

DEFAULT_TEST_FRACTION = 0.2
"""The one default that a step needs to know: another value is refused where it has no effect."""

_ADDRESS = re.compile(r"https://[^\s/]+\S*|(?:s3|gs)://[^\s/]+(?:/.*)?|file:///.+", re.DOTALL)
_IMAGE_SIZE = re.compile(r"([1-9][0-9]{0,3})(?:x([1-9][0-9]{0,3}))?")


def check(**values: Any) -> dict[str, Any]:
    """Return the parameters as a dictionary, each converted to its own type.

    Args:
        **values: parameters by name; a name without a rule (a folder, say) passes as it is.

    Raises:
        InvalidInput: one of them breaks its rule; the message names parameter, rule and value.
    """
    return {name: _check_one(name, value) for name, value in values.items()}


def _check_one(name: str, value: Any) -> Any:
    if name in RANGES:
        return RANGES[name].check(name, value)
    if name in BOOLEANS and not isinstance(value, bool):
        raise InvalidInput(f"{name} must be true or false, got {value!r}")
    if name == "data_source":
        check_data_source(value)
    if name == "image_size":
        height_and_width(value)
    return value


def check_data_source(value: object) -> None:
    """Refuse what can't name a data source; whether a folder exists is for the step that reads it.

    Raises:
        InvalidInput: empty, not text, or a URL of another kind than `https://`, `s3://`, `gs://` or `file://`.
    """
    known = f"{', '.join(NAMED_SOURCES)}, a path, or an https://, s3://, gs:// or file:/// address"
    if (
        not isinstance(value, str)
        or not value.strip()
        or "\0" in value
        or ("://" in value and not _ADDRESS.fullmatch(value))
    ):
        raise InvalidInput(f"data_source must be one of {known}, got {value!r}")


def local_path(data_source: str) -> str | None:
    """Return the path that a data source is on this machine; None when it is a name, or lies elsewhere."""
    if data_source in NAMED_SOURCES:
        return None
    path = data_source.removeprefix("file://")
    return None if "://" in path else path


def height_and_width(image_size: str) -> tuple[int, int] | None:
    """Return an image size, `28` or `32x48`, as two numbers of pixels; None when it is empty.

    Raises:
        InvalidInput: it is no such size.
    """
    match = _IMAGE_SIZE.fullmatch(image_size) if isinstance(image_size, str) else None
    if image_size == "":
        return None
    if not match:
        rule = "image_size must be HEIGHTxWIDTH in pixels or one number for both, each from 1 to 9999"
        raise InvalidInput(f"{rule}, got {image_size!r}")
    return int(match[1]), int(match[2] or match[1])
