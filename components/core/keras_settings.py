"""Keras as this project needs it, whatever a user's own settings are.

`~/.keras/keras.json` may name another type of numbers or order of axes, the environment another backend. With them
half of a search fails, or a loaded model computes something else.
"""

import json
import os
from pathlib import Path

from components.core.errors import InvalidInput

FLOATX = ("float16", "float32", "float64")


def prepare() -> None:
    """Have Keras run on TensorFlow; called before Keras is imported, since it looks only then."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.pop("TF_USE_LEGACY_KERAS", None)


def refuse_unusable() -> None:
    """Refuse a `keras.json` with which Keras can't even be imported.

    Raises:
        InvalidInput: the message names the file and the setting.
    """
    home = Path(os.environ.get("KERAS_HOME") or Path("~").expanduser() / ".keras")
    try:
        settings = json.loads((home / "keras.json").read_bytes())
    except (OSError, ValueError):
        return  # as Keras does
    floatx = settings.get("floatx", "float32") if isinstance(settings, dict) else "float32"
    if floatx not in FLOATX:
        raise InvalidInput(f"floatx in {home / 'keras.json'} must be one of {', '.join(FLOATX)}, got {floatx!r}")


def apply() -> None:
    """Have Keras compute in float32 with channels last.

    Raises:
        RuntimeError: the program that this runs in has begun with another backend.
    """
    prepare()
    import keras

    if keras.backend.backend() != "tensorflow":
        rule = "Keras must run on TensorFlow, and this program has imported it"
        raise RuntimeError(f"{rule} with {keras.backend.backend()}; set KERAS_BACKEND=tensorflow before")
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)
