"""The model card: what it says of network, data and objective."""

import pytest

from components.evaluate.model_card import model_card
from components.pages.texts import clean
from tests import report_samples
from tests.report_samples import CROSS_ENTROPY


def card(**options):
    return model_card(report_samples.run(5, **options))


def test_the_card_says_what_the_network_is():
    assert "2 Conv2D, Dense" in card() and "each step as a TensorFlow graph" in card()
    assert "fully connected" not in card().lower()


def test_the_card_calls_only_grey_images_grey():
    assert "a grey image" in card() and "grey" not in card(shape=(32, 32, 3)) + card(shape=(30,), dtype="float32")


def test_the_card_says_what_goes_in_and_what_comes_out():
    text = card(shape=(30,), dtype="float32", names=("yes", "no"))

    assert "float32, shape (n, 30)" in text and "float32, shape (n, 2)" in text and "predict(examples)" in text


def test_the_card_names_what_loading_needs():
    inputs = report_samples.run(5)
    inputs.evaluation.model["custom_objects"] = ["mine>Gate"]

    assert "mine&gt;Gate" in model_card(inputs) and "import components.experiment" in model_card(inputs)


def test_the_card_of_a_thousand_classes_names_the_first_forty():
    text = card(names=[f"class {n}" for n in range(1000)], n=1000)

    assert "class 39 and 960 more." in text and "class 40," not in text


def test_the_card_says_that_the_objective_was_minimized():
    assert r"minimized the validation cross\-entropy" in card(objective=CROSS_ENTROPY)


@pytest.mark.parametrize("name", report_samples.HOSTILE)
def test_a_hostile_name_stays_on_its_line_of_the_card(name):
    lines = card(names=(name, "other")).splitlines()

    assert len(lines) == len(card(names=("a", "other")).splitlines()) and "<script>" not in "".join(lines)
    assert all(clean(line) == line for line in lines)
