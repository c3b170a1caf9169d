"""What is loaded to be served: a version with its examples, a run's model, and a layer of somebody's own."""

import shutil

import keras
import numpy as np
import pytest

from components.core.errors import InvalidInput
from components.inference import servable
from components.registry import examples
from components.registry.store import open_store
from tests import model_registry
from tests.model_registry import NAMES, SHAPE


@keras.saving.register_keras_serializable("tests")
class Halved(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 1.0


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "models"))


def test_a_version_answers_as_it_did_when_it_was_registered(store, tmp_path):
    model_registry.register(store, tmp_path / "made", wrong=[1])

    found = servable.of_registry(store)

    data = model_registry.test_data().test
    assert (found.version, found.class_names, found.input_shape) == ("1", NAMES, SHAPE)
    assert found.compute(data.inputs).argmax(axis=1).tolist() != data.labels.tolist()
    assert len(found.examples) == 32 and found.examples.labels[:4].tolist() == [0, 1, 2, 0]
    assert found.compute(found.examples.inputs) == pytest.approx(found.examples.probabilities, abs=1e-5)


def test_one_that_answers_otherwise_is_not_served(store, tmp_path, monkeypatch):
    """As where a layer of the model's was changed since."""
    model_registry.register(store, tmp_path / "made", layer=Halved())
    monkeypatch.setattr(Halved, "call", lambda self, inputs: inputs * 0.5)

    with pytest.raises(InvalidInput, match=r"version 1 of .* must answer here as it did .* differs by 0\.\d+"):
        servable.of_registry(store)


def test_a_layer_of_one_s_own_is_known_by_its_name_or_refused_by_it(store, tmp_path, monkeypatch):
    version = model_registry.register(store, tmp_path / "made", layer=Halved())

    assert version.custom_objects == ("tests>Halved",)
    assert servable.of_registry(store).version == "1"
    monkeypatch.delitem(keras.saving.get_custom_objects(), "tests>Halved")
    with pytest.raises(InvalidInput, match="needs tests>Halved, which no imported module registers"):
        servable.of_registry(store)


def test_the_examples_of_a_version_are_checked_like_all_of_its_files(store, tmp_path):
    model_registry.register(store, tmp_path / "made")
    examples.write(examples.choose(model_registry.test_data(), np.zeros((300, 3))), tmp_path / "other.npz")
    shutil.copy(tmp_path / "other.npz", tmp_path / "models/versions/0001/examples.npz")

    with pytest.raises(InvalidInput, match=r"examples.npz of version 1 .* was altered or damaged"):
        servable.of_registry(store)


def test_a_run_s_model_is_served_by_the_run_s_name(tmp_path):
    model_registry.write_model(tmp_path / "monday/train/model")
    model_registry.write_test_data(tmp_path / "monday/prepare/test_data")

    found = servable.of_run(tmp_path / "monday")

    assert found.version == "monday" and found.class_names == NAMES
    assert found.compute(model_registry.test_data().test.inputs[:3]).argmax(axis=1).tolist() == [0, 1, 2]
