"""The project's network in PyTorch, and its training: eager, batches by index, a fused Adam.

The parts of this project's recipe can be added: AdamW whose rate falls along a cosine, label smoothing, and images
that are mirrored and partly blanked.
"""

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.peers.task import MAX_EPOCHS


def network(values: dict[str, Any], n_features: int, n_classes: int) -> nn.Sequential:
    """Return the network of some hyperparameters."""
    widths = [n_features, *(values[f"units_{layer}"] for layer in range(values["hidden_layers"]))]
    normalization = {"none": None, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}[values["normalization"]]
    layers: list[nn.Module] = []
    for n_inputs, units in itertools.pairwise(widths):
        dense = nn.Linear(n_inputs, units, bias=normalization is None)
        nn.init.kaiming_normal_(dense.weight, nonlinearity="relu")
        layers += [dense, *([normalization(units)] if normalization else []), nn.ReLU()]
        layers.append(nn.Dropout(values["dropout_rate"]))
    return nn.Sequential(*layers, nn.Linear(widths[-1], n_classes))


class Training:
    """A network's training; what `values` lack of the recipe is left out."""

    def __init__(
        self, model: nn.Sequential, values: dict[str, Any], n_examples: int, input_shape: tuple[int, ...]
    ) -> None:
        self._model = model
        self._values = values
        self._input_shape = input_shape
        self._optimizer = optimizer(model, values)
        n_steps = MAX_EPOCHS * -(-n_examples // values["batch_size"])
        falls = "weight_decay" in values
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self._optimizer, n_steps) if falls else None

    def train_epoch(self, inputs: Tensor, labels: Tensor) -> None:
        """Make a step on each batch of a new permutation."""
        self._model.train()
        for batch in torch.randperm(len(inputs)).split(self._values["batch_size"]):
            self._optimizer.zero_grad()
            logits = self._model(self._augmented(inputs[batch]))
            smoothing = self._values.get("label_smoothing", 0.0)
            functional.cross_entropy(logits, labels[batch], label_smoothing=smoothing).backward()
            self._optimizer.step()
            if self._schedule:
                self._schedule.step()

    def _augmented(self, inputs: Tensor) -> Tensor:
        """Return a batch's inputs, shape (n, n_features), as the network is to see them."""
        images = inputs.reshape(-1, *self._input_shape)
        if self._values.get("flip_images"):
            images = flipped(images)
        if self._values.get("erase_share"):
            images = erased(images, self._values["erase_share"])
        return images.reshape(inputs.shape)


def optimizer(model: nn.Sequential, values: dict[str, Any]) -> torch.optim.Optimizer:
    """Return Adam, or AdamW with a decay of the weight matrices alone."""
    rate = values["learning_rate"]
    if not values.get("weight_decay"):
        return torch.optim.Adam(model.parameters(), rate, fused=True)
    matrices = [each for each in model.parameters() if each.ndim > 1]
    vectors = [each for each in model.parameters() if each.ndim == 1]
    groups = [{"params": matrices, "weight_decay": values["weight_decay"]}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, rate, fused=True)


def flipped(images: Tensor) -> Tensor:
    """Mirror each image left to right with probability one half; shape (n, height, width, …)."""
    chosen = torch.rand(len(images)) < 0.5
    return torch.where(_like(chosen, images), images.flip(2), images)


def erased(images: Tensor, share: float) -> Tensor:
    """Blank a rectangle of half of the images, which lies anywhere, also partly outside."""
    n_images, height, width = images.shape[:3]
    rows, columns = _covered(n_images, height, share), _covered(n_images, width, share)
    chosen = torch.rand(n_images) < 0.5
    blank = chosen[:, None, None] & rows[:, :, None] & columns[:, None, :]
    return images.masked_fill(_like(blank, images), 0.0)


def _covered(n_images: int, length: int, share: float) -> Tensor:
    """Return which of an image's rows or columns an interval covers, bool, shape (n_images, length)."""
    size = max(1, round(share * length))
    start = torch.randint(-size, length, (n_images, 1))
    offset = torch.arange(length) - start
    return (offset >= 0) & (offset < size)


def _like(mask: Tensor, images: Tensor) -> Tensor:
    """Return the mask with as many axes as the images."""
    return mask.reshape(*mask.shape, *(1 for _ in images.shape[mask.ndim :]))


def accuracy(model: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Return the share of inputs whose label has the largest logit."""
    model.eval()
    with torch.inference_mode():
        return float((model(inputs).argmax(1) == labels).float().mean())
