"""Random changes of the training images, made while they are trained on."""

from typing import Any

import tensorflow as tf

from components.core.experiment import Random
from components.experiment.space import Hyperparameters


def augment(hyperparameters: Hyperparameters, inputs: Any, random: Random) -> Any:
    """Return a step's images as the network is to see them: mirrored, and partly blanked. Rows of numbers
    have no sides to mirror and stay as they are.

    Args:
        hyperparameters: `flip_images` and `erase_share` of them.
        inputs: uint8 or float32, shape (n, height, width, …).
        random: source of the step's random choices.
    """
    are_images = len(inputs.shape) >= 3
    if hyperparameters.flip_images and are_images:
        inputs = _flip(inputs, random)
    if hyperparameters.erase_share and are_images:
        inputs = _erase(inputs, hyperparameters.erase_share, random)
    return inputs


def _flip(images: Any, random: Random) -> Any:
    """Mirror each image left to right with probability one half."""
    mirrored = random.coins("flip", images.shape[0])
    return tf.where(_like(mirrored, images), tf.reverse(images, [2]), images)


def _erase(images: Any, share: float, random: Random) -> Any:
    """Blank a rectangle of half of the images; it lies anywhere, also partly outside.

    Source: DeVries and Taylor 2017, "Improved regularization of convolutional neural networks with cutout", section 3;
    the probability of one half is of Zhong et al. 2017, "Random erasing data augmentation", section 4.
    """
    n_images, height, width = images.shape[:3]
    rows = _covered(random, "erased rows", n_images, height, share)
    columns = _covered(random, "erased columns", n_images, width, share)
    chosen = random.coins("erase", n_images)
    erased = chosen[:, None, None] & rows[:, :, None] & columns[:, None, :]
    return tf.where(_like(erased, images), tf.zeros_like(images), images)


def _covered(random: Random, stream: str, n_images: int, length: int, share: float) -> Any:
    """Return which of an image's rows or columns an interval covers, bool, shape (n_images, length)."""
    size = max(1, round(share * length))
    start = random.integers(stream, n_images, -size, length)
    offset = tf.range(length) - start[:, None]
    return (offset >= 0) & (offset < size)


def _like(mask: Any, images: Any) -> Any:
    """Return the mask with as many axes as the images."""
    return tf.reshape(mask, (*mask.shape, *(1 for _ in images.shape[len(mask.shape) :])))
