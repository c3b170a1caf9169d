"""The hyperparameters and their search space."""

from dataclasses import dataclass
from typing import Any

from components.core.data import FASHION_MNIST, DatasetInfo

MAX_HIDDEN_LAYERS = 4


@dataclass(frozen=True)
class Hyperparameters:
    """What decides a training, apart from data, epochs and seed.

    Attributes:
        units: width of each hidden layer, from the input on.
        normalization: `batch`, `layer` or `none`, between each hidden layer's weights and its ReLU.
        dropout_rate: share of each hidden layer's outputs that is dropped while training, 0 to below 1.
        learning_rate: AdamW's rate at the start; it falls to zero along a cosine.
        batch_size: examples a step.
        weight_decay: AdamW's decoupled decay of the weight matrices, times the learning rate a step.
        label_smoothing: probability spread evenly over the classes in the training loss, 0 to below 1.
        flip_images: whether each training image is mirrored left to right with probability one half; right for
            garments, wrong where left and right tell classes apart.
        erase_share: height and width, as a share of the image's, of the rectangle that is blanked in half of the
            training images; 0 for none.
    """

    units: tuple[int, ...]
    normalization: str
    dropout_rate: float
    learning_rate: float
    batch_size: int
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    flip_images: bool = False
    erase_share: float = 0.0


def search_space(hp: Any) -> Hyperparameters:
    """Return the hyperparameters that `hp` holds, declaring each with its range on the way.

    Whatever Keras Tuner accepts works: `if` and loops over values, `name_scope`, `conditional_scope`, `parent_name`.
    It must declare the same for the same values, and do nothing else: it is called many times.

    Args:
        hp: has the methods of `keras_tuner.HyperParameters`.
    """
    hidden_layers = hp.Int("hidden_layers", 1, MAX_HIDDEN_LAYERS, default=2)
    units = [_units(hp, layer) for layer in range(MAX_HIDDEN_LAYERS)]
    return Hyperparameters(
        units=tuple(units[:hidden_layers]),
        normalization=hp.Choice("normalization", ["none", "layer", "batch"], default="batch"),
        dropout_rate=hp.Float("dropout_rate", 0.1, 0.5, step=0.05, default=0.2),
        learning_rate=hp.Float("learning_rate", 3e-4, 1e-2, sampling="log", default=3e-3),
        batch_size=hp.Choice("batch_size", [32, 64, 128, 256, 512], default=256),
        # Measured rather than tuned (docs/decisions/0006-recipe.md); a Choice or a Float in its place tunes one.
        weight_decay=hp.Fixed("weight_decay", 0.2),
        label_smoothing=hp.Fixed("label_smoothing", 0.1),
        erase_share=hp.Fixed("erase_share", 0.3),
        flip_images=hp.Boolean("flip_images"),  # but see `fixed_for`
    )


def fixed_for(data: DatasetInfo) -> dict[str, Any]:
    """Return the hyperparameters that need no search on this data, by name, with their values there.

    That garments may be mirrored was measured on Fashion-MNIST (docs/decisions/0006-recipe.md). What is right for
    other images the search decides. Rows of numbers have no sides.
    """
    if data.known_as == FASHION_MNIST:
        return {"flip_images": True}
    return {} if len(data.input_shape) > 1 else {"flip_images": False, "erase_share": 0.0}


def _units(hp: Any, layer: int) -> int:
    """Return the width of a hidden layer, which is a hyperparameter only of networks that have the layer."""
    deep_enough = list(range(layer + 1, MAX_HIDDEN_LAYERS + 1))
    units: int = hp.Int(
        f"units_{layer}", 64, 512, step=64, default=512, parent_name="hidden_layers", parent_values=deep_enough
    )
    return units
