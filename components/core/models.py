"""Keras models on disk: a sealed folder with `model.keras`, and `model.json` that says what it is."""

import json
from pathlib import Path

from components.core import artifacts, files
from components.core.errors import InvalidInput

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
        InvalidInput: the artifact is damaged, is none, or holds a model that needs more than Keras' own layers.
    """
    import keras

    artifacts.verify(path, "model")
    file = Path(path) / MODEL_FILE
    if not file.is_file():
        raise InvalidInput(f"model at {path} must hold the file {MODEL_FILE}, and it does not")
    try:
        return keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # whatever Keras raises on a file that it does not understand or trust
        reason = " ".join(str(error).split())[:300]
        raise InvalidInput(f"model at {path} can't be loaded in safe mode: {MODEL_FILE}: {reason}") from None


def read_description(path):
    """Return the dictionary that `write` put beside the model.

    Raises:
        InvalidInput: the artifact is damaged, or is none.
    """
    artifacts.verify(path, "model")
    return json.loads((Path(path) / DESCRIPTION_FILE).read_bytes())
