"""What a user of `CustomTuner` gives `search`: each argument is right, or refused by name before the first trial."""

import difflib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from components.core.data import DatasetInfo, Labelled, TrainingData
from components.core.errors import InvalidInput

NAMES = ("x", "y", "validation_data", "epochs", "early_stopping_patience", "callbacks", "verbose")
WAYS_OUT = {
    "batch_size": "it is a hyperparameter",
    "validation_split": "give validation_data=(images, labels)",
    "class_weight": "put it into the experiment's loss",
    "sample_weight": "put it into the experiment's loss",
}
LARGEST_EXACT = 1 << 24
"""Up to here float32 holds every integer."""

UNHEARD = (
    *("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    *("on_test_begin", "on_test_end", "on_test_batch_begin", "on_test_batch_end"),
    *("on_predict_begin", "on_predict_end", "on_predict_batch_begin", "on_predict_batch_end"),
)
NEEDING_FIT = (
    keras.callbacks.LearningRateScheduler,
    keras.callbacks.ReduceLROnPlateau,
    keras.callbacks.BackupAndRestore,
)


@dataclass(frozen=True)
class SearchArguments:
    """Checked arguments of a search with the experiment's own network.

    Attributes:
        data: training and validation split; images are uint8 where they were given so, else float32.
        epochs: of each trial.
        early_stopping_patience: epochs without a better objective after which a trial ends; 0: never.
        callbacks: what hears of epochs.
    """

    data: TrainingData
    epochs: int
    early_stopping_patience: int
    callbacks: list[keras.callbacks.Callback]


def checked(args: Sequence[Any], kwargs: dict[str, Any]) -> SearchArguments:
    """Return what `search(*args, **kwargs)` asks for.

    Raises:
        InvalidInput: the message names the argument, the rule and the way out.
    """
    if len(args) > 2:
        raise InvalidInput(f"search must be given x and y and all else by name, got {len(args)} arguments without one")
    given = dict(zip(NAMES[:2], args, strict=False))
    for name in kwargs:
        if name not in NAMES:
            _refuse_name(name)
        if name in given:
            raise InvalidInput(f"{name} must be given once, and is given by place and by name")
    given |= kwargs
    return SearchArguments(
        _training_data(given.get("x"), given.get("y"), given.get("validation_data")),
        _integer("epochs", given.get("epochs", 1), 1),
        _integer("early_stopping_patience", given.get("early_stopping_patience", 0), 0),
        _callbacks(given.get("callbacks")),
    )


def fingerprint(*values: Any) -> str:
    """Return a SHA-256 over all arrays and tensors among the values; what is none does not count."""
    digest = hashlib.sha256()
    for value in keras.tree.flatten(values):
        if isinstance(value, np.ndarray) or keras.ops.is_tensor(value):
            array = np.ascontiguousarray(value)
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes())
    return digest.hexdigest()


def comes_in_batches(x: Any) -> bool:
    """Return whether `x` has its own batches, as a `tf.data.Dataset`, a `PyDataset` or a generator has."""
    return hasattr(x, "element_spec") or isinstance(x, keras.utils.PyDataset) or hasattr(x, "__next__")


def _refuse_name(name: str) -> None:
    close = difflib.get_close_matches(name, NAMES, 1)
    hint = WAYS_OUT.get(name) or (f"did you mean {close[0]}?" if close else f"it takes {', '.join(NAMES)}")
    raise InvalidInput(f"search must not be given {name}, which the experiment's own training does not take; {hint}")


def _training_data(x: Any, y: Any, validation_data: Any) -> TrainingData:
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
        raise InvalidInput(
            f"validation_data must be a pair of arrays, inputs and labels, got {_described(validation_data)}"
        )
    raw = [_inputs("x", x), _inputs("the inputs of validation_data", validation_data[0])]
    labels = [_labels("y", y, raw[0]), _labels("the labels of validation_data", validation_data[1], raw[1])]
    _refuse_difference(*raw)
    n_classes = int(max(each.max() for each in labels)) + 1
    lowest = int(min(each.min() for each in labels))
    if lowest != 0 or n_classes < 2:
        raise InvalidInput(
            f"y must hold class indices from 0 of at least 2 classes, got {lowest} to {n_classes - 1}; "
            "numpy.unique(y, return_inverse=True)[1] makes such"
        )
    if n_classes > sum(map(len, labels)):
        raise InvalidInput(
            f"y must hold class indices without large gaps, got {n_classes - 1} with {sum(map(len, labels))} examples"
        )
    are_bytes = all(each.dtype == np.uint8 for each in raw)
    train, validation = (
        Labelled(inputs if are_bytes else inputs.astype(np.float32), each)
        for inputs, each in zip(raw, labels, strict=True)
    )
    names = tuple(map(str, range(n_classes)))
    info = DatasetInfo("arrays", names, train.inputs.shape[1:], str(train.inputs.dtype))
    return TrainingData(train, validation, info, fingerprint="")


def _inputs(name: str, given: Any) -> np.ndarray:
    """Return numbers of a shape (n, …) that float32 can hold."""
    array = _array(name, given)
    if array.ndim < 2 or 0 in array.shape:
        raise InvalidInput(f"{name} must have a shape (examples, …) without a zero, got {array.shape}")
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            if not np.isfinite(array.astype(np.float32, copy=False)).all():
                raise InvalidInput(f"{name} must hold finite numbers that float32 can hold, and holds others")
    elif array.dtype.itemsize > 2 and (array.max() > LARGEST_EXACT or array.min() < -LARGEST_EXACT):
        raise InvalidInput(
            f"{name} must hold integers up to {LARGEST_EXACT:,}, which float32 holds exactly, got {array.min():,} to "
            f"{array.max():,}; scale them"
        )
    return array


def _refuse_difference(train: np.ndarray, validation: np.ndarray) -> None:
    """Refuse splits that can't be of the same data: of other shapes, or bytes here and scaled numbers there."""
    if train.shape[1:] != validation.shape[1:]:
        raise InvalidInput(
            f"validation_data must hold examples of the shape {train.shape[1:]} that x has, got {validation.shape[1:]}"
        )
    if (train.dtype.kind == "f") != (validation.dtype.kind == "f"):
        raise InvalidInput(
            f"validation_data must hold numbers of the kind that x has, {train.dtype}, got {validation.dtype}; "
            "scale neither or both"
        )


def _labels(name: str, given: Any, inputs: np.ndarray) -> np.ndarray:
    """Return class indices, int64, shape (n,), of labels of shape (n,) or (n, 1)."""
    array = _array(name, given)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        way_out = "; of one-hot labels take .argmax(axis=1)" if array.ndim == 2 else ""
        raise InvalidInput(f"{name} must have the shape (n,) or (n, 1), got {array.shape}{way_out}")
    if len(array) != len(inputs):
        raise InvalidInput(f"{name} must hold a label an example, {len(inputs)}, got {len(array)}")
    whole = array.dtype.kind in "iub" or (np.isfinite(array).all() and (array == np.floor(array)).all())
    if not whole or (array < 0).any() or (array > LARGEST_EXACT).any():
        raise InvalidInput(f"{name} must hold class indices, whole numbers from 0, and holds others")
    return array.astype(np.int64)


def _array(name: str, given: Any) -> np.ndarray:
    """Return what is given as an array of real numbers."""
    if given is None or isinstance(given, (str, bytes, dict)) or comes_in_batches(given):
        raise InvalidInput(f"{name} must be an array, got {_described(given)}; a hypermodel takes what fit takes")
    if np.ma.isMaskedArray(given):
        raise InvalidInput(f"{name} must be an array without a mask; fill it")
    try:
        array = np.asarray(given)
    except Exception as error:  # whatever an array-like object raises, or numpy of rows of different lengths
        reason = " ".join(str(error).split())[:200]
        raise InvalidInput(f"{name} must be an array, got {_described(given)}: {reason}") from None
    if array.dtype.name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        array = array.astype(np.float32)
    if array.dtype.kind not in "biuf":
        raise InvalidInput(f"{name} must hold real numbers, got {_described(given)} of the type {array.dtype}")
    return array


def _described(given: Any) -> str:
    if given is None:
        return "none"
    return f"a {type(given).__name__}" + (f" of {len(given)}" if isinstance(given, (tuple, list)) else "")


def _integer(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InvalidInput(f"{name} must be an integer from {least}, got {value!r}")
    return int(value)


def _callbacks(given: Any) -> list[keras.callbacks.Callback]:
    callbacks = list(given) if isinstance(given, (list, tuple)) else [] if given is None else [given]
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise InvalidInput(f"callbacks must be Keras callbacks, got {_described(callback)}")
        for reason in _unheard(callback):
            raise InvalidInput(
                "callbacks must look at epochs alone, since the experiment's own training is compiled as a whole, and "
                f"{type(callback).__name__} {reason}; use a hypermodel with it"
            )
    return callbacks


def _unheard(callback: keras.callbacks.Callback) -> Iterator[str]:
    """Yield what a callback wants that the experiment's training does not tell or have."""
    if isinstance(callback, NEEDING_FIT):
        yield "changes Keras' own training"
    if isinstance(callback, keras.callbacks.ModelCheckpoint) and callback.save_freq == "epoch":
        return  # it has a method for batches, and does nothing there
    for name in UNHEARD:
        method = getattr(callback, name, None)
        if getattr(method, "__func__", method) is not getattr(keras.callbacks.Callback, name, None):
            yield f"has {name}"
