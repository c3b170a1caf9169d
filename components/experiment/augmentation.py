"""Random changes of the training images, made while they are trained on: a function of the seed and the step alone."""

import tensorflow as tf

from components.training.dropout import hashes

# Streams of the hash, far from those of the dropout layers, which are counted from 1.
_FLIP, _ERASE, _ERASE_ROW, _ERASE_COLUMN = range(2**16, 2**16 + 4)


def augment(images, recipe, clock):
    """Return the images as this step is to see them.

    Args:
        images: uint8, shape (n, height, width, …).
        recipe: `flip_images` and `erase_share` of it count; see `components.experiment.network.Hyperparameters`.
        clock: the step's `components.training.dropout.Clock`.
    """
    if recipe.flip_images:
        images = _flip(images, clock)
    if recipe.erase_share:
        images = _erase(images, clock, recipe.erase_share)
    return images


def _flip(images, clock):
    """Mirror each image left to right with probability one half."""
    mirrored = _coins(clock, _FLIP, images.shape[0])
    return tf.where(_like(mirrored, images), tf.reverse(images, [2]), images)


def _erase(images, clock, share):
    """Blank a rectangle of half of the images; it lies anywhere, also partly outside.

    Source: DeVries and Taylor 2017, "Improved regularization of convolutional neural networks with cutout", section 3;
    the probability of one half is of Zhong et al. 2017, "Random erasing data augmentation", section 4.
    """
    n_images, height, width = images.shape[:3]
    rows = _covered(clock, _ERASE_ROW, n_images, height, share)
    columns = _covered(clock, _ERASE_COLUMN, n_images, width, share)
    chosen = _coins(clock, _ERASE, n_images)
    erased = chosen[:, None, None] & rows[:, :, None] & columns[:, None, :]
    return tf.where(_like(erased, images), tf.zeros_like(images), images)


def _covered(clock, stream, n_images, length, share):
    """Return which of an image's rows or columns an interval covers, bool, shape (n_images, length)."""
    size = max(1, round(share * length))
    start = tf.cast(hashes(clock, stream, n_images) % tf.constant(length + size, tf.uint32), tf.int32) - size
    offset = tf.range(length) - start[:, None]
    return (offset >= 0) & (offset < size)


def _coins(clock, stream, count):
    """Return `count` fair coin flips, bool."""
    return hashes(clock, stream, count) >= tf.constant(2**31, tf.uint32)


def _like(mask, images):
    """Return the mask with as many axes as the images."""
    return tf.reshape(mask, (*mask.shape, *(1 for _ in images.shape[len(mask.shape) :])))
