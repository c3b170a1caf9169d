"""Random changes of the training images."""

import numpy as np
import pytest
import tensorflow as tf

from components.experiment.augmentation import augment
from components.experiment.space import Hyperparameters
from components.training.randomness import StepRandom

N = 2000
FIVE_SIGMA = 5 * 0.5 / np.sqrt(N)


def changed(images, step=0, seed=1, **recipe):
    random = StepRandom(seed)
    random.set_step(tf.constant(step))
    hyperparameters = Hyperparameters((), "none", 0.0, learning_rate=0.1, batch_size=len(images), **recipe)
    return augment(hyperparameters, tf.constant(images), random).numpy()


def white(*shape):
    return np.full((N, *shape), 255, np.uint8)


def ramp(*shape):
    """Return the same image N times, no two of its pixels alike."""
    return np.broadcast_to(np.arange(1, np.prod(shape) + 1, dtype=np.uint8).reshape(shape), (N, *shape))


def flipped(images, **settings):
    """Return which images were mirrored, after checking that the others are as they were."""
    after = changed(images, flip_images=True, **settings)
    mirrored = np.array([np.array_equal(new, old[:, ::-1]) for new, old in zip(after, images, strict=True)])
    same = np.array([np.array_equal(new, old) for new, old in zip(after, images, strict=True)])
    assert np.array_equal(mirrored, ~same)
    return mirrored


def blank_rows_and_columns(images, share):
    """Return how many rows and columns of each image have a blank pixel, after checking that they make a rectangle."""
    blank = changed(images, erase_share=share) == 0
    rows, columns = blank.any(axis=2), blank.any(axis=1)
    assert np.array_equal(blank, rows[:, :, None] & columns[:, None, :])
    return rows.sum(axis=1), columns.sum(axis=1)


def test_without_a_change_in_the_recipe_images_stay_as_they_are():
    assert np.array_equal(changed(ramp(3, 4)), ramp(3, 4))


def test_half_of_the_images_are_mirrored_left_to_right():
    assert abs(flipped(ramp(3, 4)).mean() - 0.5) < FIVE_SIGMA


def test_each_step_mirrors_other_images():
    first, second = (flipped(ramp(3, 4), step=step) for step in (0, 1))

    assert abs((first == second).mean() - 0.5) < FIVE_SIGMA


def test_a_rectangle_of_the_share_is_blank():
    rows, columns = blank_rows_and_columns(white(10, 20), share=0.3)

    assert (rows.max(), columns.max()) == (3, 6)


def test_the_rectangle_may_lie_partly_outside():
    rows, columns = blank_rows_and_columns(white(10, 20), share=0.3)

    assert set(rows) == {0, 1, 2, 3} and set(columns) == set(range(7))


def test_half_of_the_images_have_a_rectangle():
    rows, _ = blank_rows_and_columns(white(10, 20), share=0.3)

    # Of the 13 places for 3 of 10 rows one touches none, and of the 26 for 6 of 20 columns one too.
    assert abs((rows > 0).mean() - 0.5 * (12 / 13) * (25 / 26)) < FIVE_SIGMA


def test_every_pixel_is_blank_equally_often():
    blank = (changed(white(10, 20), erase_share=0.3) == 0).mean(axis=0)

    assert np.abs(blank - 0.5 * (3 / 13) * (6 / 26)).max() < FIVE_SIGMA


def test_rows_of_numbers_stay_as_they_are():
    rows = np.ones((N, 5), np.float32)

    assert np.array_equal(changed(rows, flip_images=True, erase_share=0.5), rows)


@pytest.mark.parametrize("recipe", [{"flip_images": True}, {"erase_share": 0.5}])
def test_colours_stay_together(recipe):
    after = changed(np.repeat(ramp(3, 4)[..., None], 3, axis=-1), **recipe)

    assert np.array_equal(after[..., 0], after[..., 2]) and not np.array_equal(after[..., 0], ramp(3, 4))
