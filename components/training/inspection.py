"""Finds hyperparameters that are declared and have no effect, before a search spends its trials on them.

A hyperparameter has an effect when something that `search_space` returns depends on it and is read while a network is
built, its optimizer made, a batch augmented and its loss computed; or when others depend on it.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from components.core.data import TrainingData
from components.core.declaration import Declaration
from components.core.errors import InvalidInput
from components.core.experiment import Experiment
from components.core.hyperparameters import HyperparameterReader
from components.core.reads import WHOLE, MissingHyperparameter, MissingKey, fields_of, recording
from components.core.space import Space, probes
from components.core.time_limit import limited
from components.training.randomness import StepRandom

MOST_NETWORKS = 24
N_EXAMPLES = 2


def refuse_unread_hyperparameters(
    experiment: Experiment, space: Space, data: TrainingData, time_limit_s: float = 0
) -> None:
    """Refuse a search space with a hyperparameter that decides nothing; see `unread_hyperparameters`.

    Raises:
        InvalidInput: the message names it; also where a part reads what `search_space` does not return.
    """
    unread = unread_hyperparameters(experiment, space, data, time_limit_s)
    if unread:
        names = ", ".join(unread)
        raise InvalidInput(
            f"search_space must declare only hyperparameters that are used, and nothing reads {names}; "
            "read it in create_model or another part of the experiment, or leave it out"
        )


def unread_hyperparameters(
    experiment: Experiment, space: Space, data: TrainingData, time_limit_s: float = 0
) -> list[str]:
    """Return the names of the declared hyperparameters that have no effect, in their order.

    Networks are built at the defaults first, then at other values of what nothing has read yet, 24 at most.
    Of one that can't be built, or takes longer than `time_limit_s` (0: may take any time), nothing is known.
    """
    waiting = {declared.key: _dependents(space, declared) for declared in space.declarations}
    for key in [key for key, dependents in waiting.items() if dependents is None]:
        del waiting[key]  # others depend on it
    for choices in _points(space):
        relevant = {key for key in waiting if not choices or key in choices}
        if not relevant:
            continue
        read = _reads_or_none(experiment, space, choices, data, time_limit_s)
        for key in list(waiting):
            dependents = waiting[key]
            unknown = read is None and key in relevant
            if unknown or (read and dependents and (dependents & read or WHOLE in read)):
                del waiting[key]
        if not waiting:
            break
    return list(dict.fromkeys(declared.name for declared in space.declarations if declared.key in waiting))


def _reads_or_none(
    experiment: Experiment, space: Space, choices: dict[str, Any], data: TrainingData, time_limit_s: float
) -> set[str] | None:
    """Return what `reads_at` returns, or None where no network can be built: a trial there will say why."""
    try:
        with limited(time_limit_s):
            return reads_at(experiment, space, choices, data)
    except InvalidInput:
        raise
    except Exception:
        return None


def reads_at(experiment: Experiment, space: Space, choices: dict[str, Any], data: TrainingData) -> set[str]:
    """Return the fields of the hyperparameters that are read in making one training step at a point of the space.

    Raises:
        InvalidInput: a part reads a field that is not there.
    """
    read: set[str] = set()
    hyperparameters = recording(space.search_space(HyperparameterReader(_choose(choices))), read)
    inputs = tf.constant(data.train.inputs[:N_EXAMPLES])
    labels = tf.constant(data.train.labels[:N_EXAMPLES].astype("int32"))
    keras.backend.clear_session()
    with _naming("create_model"):
        model = experiment.create_model(hyperparameters, data.info.input_shape, data.info.n_classes)
    with _naming("batch_size"):
        experiment.batch_size(hyperparameters)
    with _naming("optimizer"):
        experiment.optimizer(hyperparameters, 1)
    with _naming("augment"):
        experiment.augment(hyperparameters, inputs, StepRandom(0))
    logits = model(inputs, training=True)
    with _naming("loss"):
        experiment.loss(hyperparameters, labels, logits)
    return read


@contextlib.contextmanager
def _naming(part: str) -> Iterator[None]:
    """Say which part of the experiment read a hyperparameter that is not there."""
    try:
        yield
    except (MissingHyperparameter, MissingKey) as error:
        name = error.name if isinstance(error, MissingHyperparameter) else error.args[0]
        raise InvalidInput(
            f"search_space must return {name}, which {part} reads, and does not; declare it, or leave {part} out of "
            "EXPERIMENT"
        ) from None


def _choose(choices: dict[str, Any]) -> Any:
    return lambda declaration: choices.get(declaration.key, declaration.default)


def _points(space: Space) -> Iterator[dict[str, Any]]:
    """Yield choices at which to build a network: the defaults, then each hyperparameter's other values in turn."""
    yield {}
    n_points = 1
    for declared in space.declarations:
        base = _where_active(space, declared)
        values = [value for value in probes(declared) if value != declared.default]
        for value in dict.fromkeys([*values[:1], *values[-1:], *(values if declared.kind == "Choice" else [])]):
            if n_points < MOST_NETWORKS:
                n_points += 1
                yield {**base, declared.key: value}


def _where_active(space: Space, wanted: Declaration) -> dict[str, Any]:
    """Return choices at which a hyperparameter is active, with as few changes of the defaults as are found."""
    reader = space.read({})
    if wanted.name in reader.active and reader.active[wanted.name].key == wanted.key:
        return {}
    for other in space.declarations:
        for value in probes(other):
            active = space.read({other.key: value}).active
            if wanted.name in active and active[wanted.name].key == wanted.key:
                return {other.key: value}
    return _by_conditions(space, wanted)


def _by_conditions(space: Space, wanted: Declaration) -> dict[str, Any]:
    """Return choices that fulfil a hyperparameter's conditions, those of its parents included."""
    choices: dict[str, Any] = {}
    for condition in wanted.conditions:
        for parent in space.declarations:
            if parent.name == condition.name:
                choices |= {**_by_conditions(space, parent), parent.key: condition.values[0]}
    return choices


def _dependents(space: Space, declared: Declaration) -> set[str] | None:
    """Return the fields that depend on a hyperparameter, or None when other hyperparameters do."""
    base = _where_active(space, declared)
    before = _run(space, base)
    dependents: set[str] = set()
    for value in _other_values(declared):
        try:
            after = _run(space, {**base, declared.key: value})
        except Exception:  # whatever search_space raises at a value: it depends on it
            return None
        if before[1] != after[1]:
            return None
        names = before[0].keys() | after[0].keys()
        dependents |= {name for name in names if _differs(before[0].get(name), after[0].get(name))}
    return dependents


def _run(space: Space, choices: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Return the fields of what `search_space` returns, and the keys of the active hyperparameters."""
    reader = HyperparameterReader(_choose(choices))
    hyperparameters = space.search_space(reader)
    return fields_of(hyperparameters), {declaration.key for declaration in reader.active.values()}


def _other_values(declared: Declaration) -> list[Any]:
    """Return values to see what depends on a hyperparameter; of one with a single value, one that it never has."""
    others = [value for value in probes(declared) if value != declared.default]
    if others:
        return others
    value = declared.default
    return [not value] if isinstance(value, bool) else [value + 1] if isinstance(value, (int, float)) else ["…"]


def _differs(one: Any, other: Any) -> bool:
    try:
        return bool(one != other)
    except Exception:  # whatever an object of the experiment's own raises when it is compared
        return True
