"""Random numbers from a hash, and dropout by them: as good as any, by bounds that chance breaks once in a million."""

import math

import numpy as np
import pytest
import tensorflow as tf

from components.training.dropout import FastDropout
from components.training.randomness import StepRandom

N = 1_000_000
FIVE_SIGMA = 5 / math.sqrt(N)
"""Bound on the correlation of N independent pairs, whose standard deviation is 1 / sqrt(N)."""


def random_of(seed=3, step=10):
    random = StepRandom(seed)
    random.set_step(tf.constant(step))
    return random


def numbers(seed=3, step=10, stream="1", n=N):
    """Return the hashes as numbers, uniform from 0 to 1."""
    return random_of(seed, step).hashes(stream, n).numpy() / 2**32


def correlation(first, second):
    return np.corrcoef(first, second)[0, 1]


def dropped(rate, shape=(1000, 1000), **at):
    layer = FastDropout(rate, random_of(**at), stream="1")
    return layer(tf.ones(shape), training=True).numpy()


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.95])
def test_the_share_that_is_dropped_is_the_rate(rate):
    share = np.mean(dropped(rate) == 0)

    assert abs(share - rate) < 5 * math.sqrt(rate * (1 - rate) / N)


def test_what_stays_is_scaled_so_that_the_mean_is_kept():
    assert set(np.unique(dropped(0.2))) == {0.0, np.float32(1 / (1 - 0.2))}


def test_nothing_is_dropped_outside_of_training():
    inputs = tf.ones((2, 3))

    assert np.array_equal(FastDropout(0.5, random_of(), stream="1")(inputs), inputs)


def test_a_rate_of_zero_drops_nothing():
    assert np.all(dropped(0.0, (10, 10)) == 1)


def test_the_hashes_are_uniform():
    counts = np.bincount((numbers() * 256).astype(int), minlength=256)

    chi_squared = np.sum((counts - N / 256) ** 2 / (N / 256))
    assert abs(chi_squared - 255) < 5 * math.sqrt(2 * 255)


@pytest.mark.parametrize("distance", [1, 2, 3, 64, 100, 784, 4096])
def test_neighbours_are_not_correlated(distance):
    values = numbers()

    assert abs(correlation(values[:-distance], values[distance:])) < FIVE_SIGMA * math.sqrt(N / (N - distance))


@pytest.mark.parametrize(
    "other",
    [
        {"stream": "2"},
        {"stream": ""},
        {"step": 11},
        {"step": 0},
        {"seed": 4},
        {"seed": 0},
        {"seed": 4_294_967_295},
        {"seed": 4, "step": 9},
        {"step": 11, "stream": ""},
    ],
    ids=str,
)
def test_layers_steps_and_seeds_have_masks_of_their_own(other):
    assert abs(correlation(numbers(), numbers(**other))) < FIVE_SIGMA


@pytest.mark.parametrize("distance", [1, 2, 128, 1000])
def test_a_step_does_not_see_the_last_ones_mask_shifted(distance):
    now, later = numbers(step=10), numbers(step=11)

    assert abs(correlation(now[:-distance], later[distance:])) < FIVE_SIGMA * math.sqrt(N / (N - distance))


def test_one_position_is_not_correlated_from_step_to_step():
    random = StepRandom(3)

    @tf.function
    def at_position_2(step):
        random.set_step(step)
        return random.hashes("1", 4)[2]

    values = np.array([at_position_2(tf.constant(step)).numpy() for step in range(4_001)]) / 2**32
    assert abs(correlation(values[:-1], values[1:])) < 5 / math.sqrt(4_000)


def test_the_same_seed_layer_and_step_drop_the_same():
    assert np.array_equal(dropped(0.3), dropped(0.3))


def test_numbers_are_uniform_from_0_to_below_1():
    values = random_of().uniform("any", N).numpy()

    assert values.min() >= 0 and values.max() < 1 and abs(values.mean() - 0.5) < FIVE_SIGMA * math.sqrt(1 / 12)


def test_integers_are_uniform_from_low_to_below_high():
    counts = np.bincount(random_of().integers("any", N, 2, 5).numpy(), minlength=5)

    assert counts[:2].tolist() == [0, 0] and np.abs(counts[2:] / N - 1 / 3).max() < FIVE_SIGMA


def test_coins_are_fair():
    assert abs(random_of().coins("any", N).numpy().mean() - 0.5) < FIVE_SIGMA


def test_each_stream_and_step_has_a_seed_of_its_own():
    seeds = {tuple(random_of(step=step).seed(stream).numpy()) for step in (1, 2) for stream in ("a", "b")}

    assert len(seeds) == 4
