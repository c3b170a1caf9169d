"""A model that is ready to answer: loaded in safe mode, warmed up, and shown to answer as it did when it was made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from components.core import artifacts, keras_settings, models
from components.core.errors import InvalidInput
from components.registry import champion, versions
from components.registry import examples as example_files
from components.registry.examples import Examples
from components.registry.store import Store, open_store

WARM_UP = (1, 8, 64)


@dataclass(frozen=True)
class Servable:
    """A loaded model.

    Attributes:
        version: what answers are said to be from: the number of a registry's version, or the name of a run.
        class_names: of the classes, by their number.
        input_shape, input_dtype: of one example.
        digest: of the model artifact.
        examples: test examples; their probabilities are this model's.
        compute: turns inputs, shape (n, *input_shape), into probabilities, float32, shape (n, n_classes).
    """

    version: str
    class_names: tuple[str, ...]
    input_shape: tuple[int, ...]
    input_dtype: str
    digest: str
    examples: Examples
    compute: Callable[[np.ndarray], np.ndarray] = field(repr=False)

    @property
    def facts(self) -> dict[str, Any]:
        """What a client must know to ask, and to read the answers."""
        return {
            "version": self.version,
            "class_names": list(self.class_names),
            "input_shape": list(self.input_shape),
            "input_dtype": self.input_dtype,
        }


def of_run(folder: Path) -> Servable:
    """Return the model of a finished run, by the run's folder.

    Raises:
        InvalidInput: the folder holds no model, or one that can't be used.
    """
    path = folder / "train" / "model"
    if not path.exists():
        raise InvalidInput(f"run must be the folder of a run that has trained its model, and {folder} holds none")
    data = artifacts.read_test_data(folder / "prepare" / "test_data")
    compute = _function(path)
    empty = np.zeros((len(data.test), data.info.n_classes), np.float32)
    chosen = example_files.choose(data, empty)
    answered = Examples(chosen.inputs, chosen.labels, compute(chosen.inputs))
    return _warm(_servable(folder.resolve().name, path, answered, compute))


def of_registry(store: Store, number: int | None = None) -> Servable:
    """Return a version of a registry, or the one in service.

    Raises:
        InvalidInput: there is none, its files are missing or altered, or its model does not answer as it did.
    """
    wanted = champion.read(store).version if number is None else number
    if wanted is None:
        raise InvalidInput(f"registry {store.shown} must have a version in service, and has none yet")
    version = versions.read(store, wanted)
    with versions.fetched(store, version) as folder:
        examples = example_files.read(folder / example_files.FILE)
        compute = _function(folder / "model")
        servable = _warm(_servable(str(wanted), folder / "model", examples, compute))
    difference = example_files.difference(examples, compute(examples.inputs))
    if not difference <= example_files.TOLERANCE:
        raise InvalidInput(
            f"version {wanted} of {store.shown} must answer here as it did when it was registered, and a probability "
            f"of its examples differs by {difference:.4f}; serve it with the code that it was trained by"
        )
    return servable


def chosen(run: Path | None, registry: str, version: int | None) -> Servable:
    """Return what options name: a run's model, or a registry's version, that in service where none is named.

    Raises:
        InvalidInput: they name neither or both, or what they name can't be used.
    """
    if bool(run) == bool(registry):
        raise InvalidInput("run or registry must be given, one of them: --run FOLDER, or --registry FOLDER|ADDRESS")
    if run is None:
        return of_registry(open_store(registry), version)
    if version is not None:
        raise InvalidInput(f"version must come with --registry, got {version} with a run")
    return of_run(run)


def _servable(version: str, model: Path, examples: Examples, compute: Callable[[np.ndarray], np.ndarray]) -> Servable:
    description = models.read_description(model)
    return Servable(
        version,
        tuple(description["class_names"]),
        tuple(int(side) for side in description["input_shape"]),
        description["input_dtype"],
        artifacts.fingerprint(model),
        examples,
        compute,
    )


def _warm(servable: Servable) -> Servable:
    for n in WARM_UP:
        servable.compute(np.zeros((n, *servable.input_shape), servable.input_dtype))
    return servable


def _function(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return the model in a folder as one compiled function, for any number of examples."""
    keras_settings.apply()
    import tensorflow as tf

    import components.experiment  # noqa: F401 - registers its layers with Keras

    model, description = models.read(path), models.read_description(path)
    wanted = tf.TensorSpec((None, *description["input_shape"]), description["input_dtype"])

    @tf.function(input_signature=[wanted])
    def probabilities(inputs: Any) -> Any:
        return tf.nn.softmax(tf.cast(model(inputs, training=False), tf.float32))

    def compute(inputs: np.ndarray) -> np.ndarray:
        found: np.ndarray = probabilities(tf.convert_to_tensor(inputs)).numpy()
        return found

    return compute
