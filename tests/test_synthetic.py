"""The garments that are drawn where nothing can be downloaded."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from components.sources import dataset, fashion_mnist, synthetic


def test_the_synthetic_data_set_has_the_shape_of_fashion_mnist():
    raw = dataset.load("synthetic", seed=1)

    assert raw.train.inputs.shape == (12_000, 28, 28) and raw.test.inputs.shape == (2_000, 28, 28)
    assert raw.train.inputs.dtype == np.uint8 and raw.train.labels.dtype == np.int64
    assert raw.info.class_names == fashion_mnist.CLASS_NAMES
    assert raw.info.input_shape == (28, 28)


def test_the_same_seed_draws_the_same_garments():
    (first, _), (second, _) = (synthetic.draw(3, 40, 20) for _ in range(2))

    assert np.array_equal(first.inputs, second.inputs) and np.array_equal(first.labels, second.labels)


@pytest.mark.parametrize("other_seed", [0, 2, 4_294_967_295])
def test_another_seed_draws_other_garments(other_seed):
    (first, _), (second, _) = (synthetic.draw(seed, 40, 20) for seed in (3, other_seed))

    assert not np.array_equal(first.inputs, second.inputs)


def test_training_images_do_not_depend_on_the_test_images():
    (few, _), (many, _) = (synthetic.draw(3, 40, n_test) for n_test in (10, 50))

    assert np.array_equal(few.inputs, many.inputs)


def test_no_image_is_drawn_twice():
    train, test = synthetic.draw(3, 2_000, 500)

    images = np.concatenate([train.inputs, test.inputs]).reshape(2_500, -1)
    assert len(np.unique(images, axis=0)) == 2_500


def test_classes_have_equal_shares():
    train, test = synthetic.draw(3, 200, 50)

    assert np.bincount(train.labels).tolist() == [20] * 10
    assert np.bincount(test.labels).tolist() == [5] * 10


def test_every_image_shows_a_garment_on_black():
    train, _ = synthetic.draw(3, 2_000, 10)

    share_of_cloth = (train.inputs > 0).mean(axis=(1, 2))
    assert share_of_cloth.min() > 0.03 and share_of_cloth.max() < 0.9


@pytest.mark.slow
def test_a_small_network_sees_much_more_than_a_line_does_and_still_not_all():
    train, test = synthetic.draw(1, n_train=5_000)
    pixels, test_pixels = (part.inputs.reshape(len(part), -1) / 255 for part in (train, test))

    line = LogisticRegression(C=0.1, max_iter=200).fit(pixels, train.labels).score(test_pixels, test.labels)
    network = MLPClassifier((256, 128), batch_size=64, early_stopping=True, max_iter=25, random_state=1)
    network_score = network.fit(pixels, train.labels).score(test_pixels, test.labels)

    assert line + 0.08 < network_score < 0.98
