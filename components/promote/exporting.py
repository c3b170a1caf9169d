"""The model in formats for other runtimes, each proven on examples before it is part of a version."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from components.core import models, scores
from components.core.errors import PipelineError
from components.registry import examples as example_files
from components.registry.examples import Examples

SAVED_MODEL = "savedmodel"
ONNX = "onnx"


class NotExported(PipelineError):
    """A model that a format can't hold."""


def export(model: str | Path, formats: list[str], shown: Examples, folder: Path) -> dict[str, Path]:
    """Write a model in other formats and return the files, by their names in a version.

    Inputs are numbers of the type that the model's own input has (float32, unless the network says otherwise), logits
    come out: `savedmodel/` with the endpoint `serve`, `model.onnx`.

    Args:
        model: the model artifact.
        formats: of `components.core.parameters.FORMATS`.
        shown: examples with the answers that the format must give.
        folder: where the files are made.

    Raises:
        NotExported: a layer has no counterpart in the format, or what was written answers otherwise.
    """
    if not formats:
        return {}
    loaded = models.read(model)
    _hold_constants_as_arrays(loaded)
    loaded(shown.inputs[:1])  # by which Keras knows the shape that it is called with
    writers = {SAVED_MODEL: _saved_model, ONNX: _onnx}
    made: dict[str, Path] = {}
    for name in formats:
        try:
            answer, files = writers[name](loaded, folder)
            logits = answer(shown.inputs.astype(loaded.inputs[0].dtype))
        except Exception as error:  # whatever Keras, TensorFlow or a converter raises
            reason = " ".join(str(error).split())[:300]
            raise NotExported(f"export: the model can't be written as {name}: {reason}; leave {name} out") from error
        difference = example_files.difference(shown, np.exp(scores.log_probabilities(np.asarray(logits))))
        if not difference <= example_files.TOLERANCE:
            raise NotExported(
                f"export: the model as {name} must answer like Keras, and a probability differs by {difference:.4f}; "
                f"leave {name} out"
            )
        made |= files
    return made


def _hold_constants_as_arrays(model: Any) -> None:
    """Have layers hold numbers like Normalization's mean as arrays: of tensors a converter makes inputs."""
    import tensorflow as tf

    for layer in models.layers_of(model):
        for name, value in list(vars(layer).items()):
            if tf.is_tensor(value) and hasattr(value, "numpy"):
                setattr(layer, name, value.numpy())


def _saved_model(model: Any, folder: Path) -> tuple[Callable[[np.ndarray], Any], dict[str, Path]]:
    import tensorflow as tf

    place = folder / SAVED_MODEL
    model.export(place, format="tf_saved_model", verbose=False)
    files = {f"{SAVED_MODEL}/{path.relative_to(place).as_posix()}": path for path in sorted(place.rglob("*"))}
    loaded = tf.saved_model.load(place)
    return lambda inputs: loaded.serve(inputs).numpy(), {name: path for name, path in files.items() if path.is_file()}


def _onnx(model: Any, folder: Path) -> tuple[Callable[[np.ndarray], Any], dict[str, Path]]:
    import onnxruntime

    path = folder / "model.onnx"
    model.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path)
    name = session.get_inputs()[0].name
    return lambda inputs: session.run(None, {name: inputs})[0], {path.name: path}
