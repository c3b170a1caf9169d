"""Keras models on disk: a sealed folder with `model.keras`, and `model.json` that says what it is.

A model is loaded in Keras' safe mode: a file that carries code is refused. What it needs besides Keras' own layers is
known by the name under which it was registered, once the module that registers it has been imported.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.core import artifacts, files, keras_settings
from components.core.errors import InvalidInput

if TYPE_CHECKING:
    import keras

MODEL_FILE = "model.keras"
DESCRIPTION_FILE = "model.json"


def write(model: "keras.Model", description: dict[str, Any], path: str | Path) -> None:
    """Write a Keras model as an artifact.

    Args:
        model: a built Keras model of plain or registered layers.
        description: JSON-like values: hyperparameters, class names, data fingerprint, library versions.
        path: the artifact's folder.

    Raises:
        InvalidInput: the model could not be loaded again.
    """
    refuse_unregistered(model)
    with artifacts.writing(path, "model") as folder:
        model.save(folder / MODEL_FILE)
        files.write_json(description, folder / DESCRIPTION_FILE)


def read(path: str | Path) -> "keras.Model":
    """Return the Keras model at `path`, loaded in safe mode: a model file that carries code is refused.

    Raises:
        InvalidInput: the artifact is damaged, is none, or holds a model that needs what is not registered here.
    """
    needed = read_description(path).get("custom_objects", [])
    file = Path(path) / MODEL_FILE
    if not file.is_file():
        raise InvalidInput(f"model at {path} must hold the file {MODEL_FILE}, and it does not")
    return load(file, needed)


def load(file: Path, needed: list[str]) -> "keras.Model":
    """Return the model in a `.keras` file, loaded in safe mode.

    Args:
        file: the file.
        needed: registered names of what it needs besides Keras' own layers.

    Raises:
        InvalidInput: it can't be loaded; the message names what is missing.
    """
    import keras

    keras_settings.apply()
    missing = [name for name in needed if keras.saving.get_registered_object(name) is None]
    if missing:
        raise InvalidInput(
            f"model at {file.parent} needs {', '.join(missing)}, which no imported module registers with Keras; "
            "import the experiment that it was trained by"
        )
    try:
        return keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # whatever Keras raises on a file that it does not understand or trust
        cause = str(error).rpartition("Exception encountered: ")[2]  # Keras puts the whole configuration before it
        reason = " ".join(cause.split())[:300]
        raise InvalidInput(f"model at {file.parent} can't be loaded in safe mode: {file.name}: {reason}") from None


def read_description(path: str | Path) -> dict[str, Any]:
    """Return the dictionary that `write` put beside the model.

    Raises:
        InvalidInput: the artifact is damaged, or is none.
    """
    artifacts.verify(path, "model")
    try:
        description = json.loads((Path(path) / DESCRIPTION_FILE).read_bytes())
    except (OSError, ValueError):
        description = None
    if not isinstance(description, dict):
        raise InvalidInput(f"model at {path} must hold {DESCRIPTION_FILE} with an object, and it does not")
    return description


def layers_of(model: "keras.Model") -> list["keras.layers.Layer"]:
    """Return the layers that a model is made of, those of models in it included, inputs left out."""
    import keras

    found: list[Any] = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += layers_of(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            found.append(layer)
    return found


def custom_objects(model: "keras.Model") -> list[str]:
    """Return the registered names of what a model needs besides Keras' own classes and functions."""
    return sorted(set(_foreign_names(_config(model))))


def refuse_unregistered(model: "keras.Model") -> None:
    """Refuse a model with a class or function that loading could not find.

    Raises:
        InvalidInput: the message names it, and how to register it.
    """
    import keras

    for name in _foreign_names(_config(model)):
        if name == "Lambda":
            raise InvalidInput(
                "the model must hold no Lambda layer, whose code safe mode does not load; write a layer"
            )
        if keras.saving.get_registered_object(name) is None:
            raise InvalidInput(
                f"{name} must be registered with Keras, or the model could not be loaded; "
                "put @keras.saving.register_keras_serializable() above it"
            )


def _config(model: "keras.Model") -> Any:
    import keras

    try:
        return keras.saving.serialize_keras_object(model)
    except Exception as error:  # whatever a layer's get_config raises
        reason = " ".join(str(error).split())[:300]
        raise InvalidInput(f"the model can't be saved: {reason}; give its layers a get_config") from None


def _foreign_names(config: Any) -> Iterator[str]:
    """Yield the registered names in a Keras configuration that are of no module of Keras itself."""
    if isinstance(config, dict):
        kind, module = config.get("class_name"), config.get("module") or ""
        if kind == "__lambda__":
            yield "Lambda"
        elif kind == "function":
            yield str(config["config"])
        elif config.get("registered_name") and module.partition(".")[0] not in ("keras", "builtins"):
            yield config["registered_name"]
        for value in config.values():
            yield from _foreign_names(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from _foreign_names(value)
