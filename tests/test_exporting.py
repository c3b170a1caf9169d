"""The model in other formats: the same answers on real images, or a refusal by name."""

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from components.core import models
from components.promote import exporting
from components.promote.exporting import NotExported
from components.registry import examples
from components.registry.examples import Examples
from components.sources import synthetic
from tests import model_registry
from tests.model_registry import NAMES


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Return a network like the experiment's own, images, and what Keras says of them."""
    path = tmp_path_factory.mktemp("model") / "model"
    images = synthetic.draw(3)[1].inputs[:64]
    model = _network(images)
    description = {
        "class_names": list("abcdefghij"),
        "input_shape": [28, 28],
        "input_dtype": "uint8",
        "custom_objects": models.custom_objects(model),
    }
    models.write(model, description, path)
    logits = model.predict(images, verbose=0)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return path, Examples(images, np.zeros(64, int), odds / odds.sum(axis=1, keepdims=True))


def _network(images):
    inputs = keras.Input((28, 28))
    normalize = keras.layers.Normalization()
    normalize.adapt(images.reshape(64, -1))
    hidden = normalize(keras.layers.Flatten()(inputs))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(64)(hidden))
    hidden = keras.layers.Dropout(0.2)(keras.layers.ReLU()(hidden))
    return keras.Model(inputs, keras.layers.Dense(10)(hidden))


def test_a_saved_model_answers_like_keras(real, tmp_path):
    path, shown = real

    files = exporting.export(path, ["savedmodel"], shown, tmp_path)

    assert {"savedmodel/saved_model.pb", "savedmodel/variables/variables.index"} <= set(files)
    loaded = tf.saved_model.load(files["savedmodel/saved_model.pb"].parent)
    logits = loaded.serve(shown.inputs.astype("float32")).numpy()
    assert tf.nn.softmax(logits).numpy() == pytest.approx(shown.probabilities, abs=1e-5)


def test_an_onnx_file_answers_like_keras(real, tmp_path):
    path, shown = real

    files = exporting.export(path, ["onnx"], shown, tmp_path)

    session = onnxruntime.InferenceSession(files["model.onnx"])
    logits = session.run(None, {session.get_inputs()[0].name: shown.inputs.astype("float32")})[0]
    assert tf.nn.softmax(logits).numpy() == pytest.approx(shown.probabilities, abs=1e-5)


def test_a_format_that_answers_otherwise_is_not_registered(real, tmp_path):
    path, shown = real
    other = Examples(shown.inputs, shown.labels, np.roll(shown.probabilities, 1, axis=1))

    with pytest.raises(NotExported, match=r"the model as onnx must answer like Keras, .* leave onnx out"):
        exporting.export(path, ["onnx"], other, tmp_path)


def test_a_layer_that_a_format_does_not_have_is_said_in_a_line(tmp_path):
    @keras.saving.register_keras_serializable("tests")
    class Decomposed(keras.layers.Layer):
        def call(self, inputs):
            singular = tf.linalg.svd(tf.reshape(inputs[:, :4], (-1, 2, 2)), compute_uv=False)
            return inputs + singular[:, :1] * 0.0

    model_registry.write_model(tmp_path / "model", layer=Decomposed())
    data = model_registry.test_data()
    shown = examples.choose(data, np.full((300, len(NAMES)), 1 / 3))

    with pytest.raises(NotExported, match=r"can't be written as onnx: .*; leave onnx out") as error:
        exporting.export(tmp_path / "model", ["onnx"], shown, tmp_path)
    assert "\n" not in str(error.value)
