"""Keras models on disk: a sealed folder with `model.keras`, and `model.json` that says what it is."""

import json
from pathlib import Path

from components.core import artifacts, files

MODEL_FILE = "model.keras"
DESCRIPTION_FILE = "model.json"


def write(model, description, path):
    """Write a Keras model as an artifact.

    Args:
        model: a built Keras model of plain layers.
        description: a JSON-like dictionary: hyperparameters, class names, data fingerprint, library versions.
        path: the artifact's folder.
    """
    with artifacts.writing(path, "model") as folder:
        model.save(folder / MODEL_FILE)
        files.write_json(description, folder / DESCRIPTION_FILE)


def read(path):
    """Return the Keras model at `path`, loaded in safe mode: a model file that carries code is refused.

    Raises:
        InvalidInput: the artifact is damaged, or is none.
    """
    import keras

    artifacts.verify(path, "model")
    return keras.saving.load_model(Path(path) / MODEL_FILE, compile=False, safe_mode=True)


def read_description(path):
    """Return the dictionary that `write` put beside the model.

    Raises:
        InvalidInput: the artifact is damaged, or is none.
    """
    artifacts.verify(path, "model")
    return json.loads((Path(path) / DESCRIPTION_FILE).read_bytes())
