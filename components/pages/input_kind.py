"""What goes into a model, in words: pictures of some kind, or numbers of some shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.core.data import DatasetInfo

_COLOURS = {1: "a grey", 3: "an RGB", 4: "an RGBA"}


@dataclass(frozen=True)
class InputKind:
    """The kind of a data set's examples.

    Attributes:
        shape: of one example.
        dtype: `uint8` or `float32`.
    """

    shape: tuple[int, ...]
    dtype: str = "uint8"

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> "InputKind | None":
        """Return the kind that a model or an evaluation was made for, or None when it does not say."""
        if "input_shape" not in description:
            return None
        return cls(tuple(description["input_shape"]), description.get("input_dtype", "uint8"))

    @property
    def are_images(self) -> bool:
        return DatasetInfo("", (), self.shape, self.dtype).are_images

    @property
    def noun(self) -> str:
        """What one is called."""
        return "image" if self.are_images else "example"

    @property
    def one(self) -> str:
        """One of them, with its article and size."""
        if self.are_images:
            colour = _COLOURS[self.shape[2] if len(self.shape) == 3 else 1]
            return f"{colour} image of {self.size} pixels"
        if len(self.shape) == 1:
            return f"a row of {self.size} numbers"
        return f"an array of {self.size} numbers"

    @property
    def size(self) -> str:
        sides = self.shape[:2] if self.are_images else self.shape
        return " × ".join(str(side) for side in sides) or "1"

    @property
    def levels(self) -> str:
        """What the numbers of one are, as the model wants them."""
        if not self.are_images or self.dtype != "uint8":
            return "as they come from the data source"
        return "raw grey levels" if len(self.shape) == 2 or self.shape[2] == 1 else "raw colour levels"
