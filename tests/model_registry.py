"""Small models, and registries that hold them, made without a training."""

import numpy as np

from components.core import artifacts, models
from components.core.data import DatasetInfo, Labelled, TestData
from components.promote import comparison, contents
from components.registry import champion, examples, versions

SHAPE = (4, 5)
NAMES = ("dark", "bright", "<script>")
PER_CLASS = 100


def test_data(names=NAMES, shape=SHAPE):
    """Return images whose grey level tells their class."""
    labels = np.arange(len(names) * PER_CLASS) % len(names)
    images = np.full((len(labels), *shape), 10, np.uint8)
    images += (labels * 100).astype(np.uint8).reshape(-1, *(1 for _ in shape))
    images.reshape(len(images), -1)[:, 0] = np.arange(len(labels)) % 251  # by which a model may be wrong on some
    return TestData(Labelled(images, labels), DatasetInfo("somewhere", names, shape), "")


def write_test_data(path, names=NAMES, shape=SHAPE):
    artifacts.write_test_data(test_data(names, shape), path)


def write_model(path, wrong=(), names=NAMES, shape=SHAPE, layer=None):
    """Write a model that is right but on the classes of which it says `wrong`, where it says another."""
    import keras

    n, n_pixels = len(names), int(np.prod(shape))
    between = [layer] if layer else []
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), *between, keras.layers.Dense(n)])
    weights, biases = np.zeros((n_pixels, n)), np.zeros(n)
    for index in range(n):  # a parabola around the class's grey level, without its square, which is the same for all
        level = (10 + 100 * index) / 100
        weights[1, index], biases[index] = 2 * level / 100, -(level**2)
    for index in wrong:
        biases[index] -= 1e9
    model.layers[-1].set_weights([weights, biases])
    description = {
        "class_names": list(names),
        "input_shape": list(shape),
        "input_dtype": "uint8",
        "hyperparameters": {"units": 3},
        "data_source": "somewhere",
        "data_fingerprint": "f1",
        "custom_objects": models.custom_objects(model),
    }
    models.write(model, description, path)


def register(store, folder, run="run-1", promoted=True, **model):
    """Register a version with the model that `write_model` makes of the rest, promote it, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    named = {name: model[name] for name in ("names", "shape") if name in model}
    write_model(folder / "model", **model)
    write_test_data(folder / "test_data", **named)
    for name in ("report", "card"):
        (folder / name).write_text(name)
    data = artifacts.read_test_data(folder / "test_data")
    answers = comparison.answers(folder / "model", data)
    described = comparison.described(models.read_description(folder / "model"), answers.argmax(axis=1), data, run)
    documents = {"report.html": folder / "report", "model_card.md": folder / "card"}
    with contents.of_version(folder / "model", documents, examples.choose(data, answers)) as files:
        version = versions.register(store, files, described)
    if promoted:
        champion.change(store, champion.read(store), version.number, "promotion", run, "a test")
    return version
