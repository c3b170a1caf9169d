"""A search space, found by running `search_space` on many values: what it declares may depend on them.

Keras Tuner's conditions say themselves on what they depend; a Python `if` does not, and is found by trying both sides.
"""

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.core.data import DatasetInfo
from components.core.declaration import Declaration
from components.core.errors import InvalidInput
from components.core.experiment import Experiment
from components.core.hyperparameters import HyperparameterReader

MOST_PROBES = 64
N_RANDOM_POINTS = 256
MOST_DECLARATIONS = 1_000
MOST_NAMED = 16


@dataclass(frozen=True)
class Space:
    """The hyperparameters that `search_space` can declare.

    Attributes:
        search_space: the experiment's function.
        declarations: each of them once, in the order in which they were found.
        is_static: whether every run declared all of them, so that their conditions alone say which are active.
    """

    search_space: Callable[[Any], Any]
    declarations: tuple[Declaration, ...]
    is_static: bool

    def active_values(self, choices: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the active hyperparameters by name, for choices by key."""
        return self._active(choices)[0] if self.is_static else self.read(choices).values

    def active_keys(self, choices: Mapping[str, Any]) -> set[str]:
        """Return the keys of the active hyperparameters, for choices by key."""
        if self.is_static:
            return self._active(choices)[1]
        return {declaration.key for declaration in self.read(choices).active.values()}

    def _active(self, choices: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
        """Return values by name, and keys, without a run: which are active, the conditions say alone."""
        values: dict[str, Any] = {}
        keys = set()
        for declaration in self.declarations:
            if declaration.name not in values and all(each.holds(values) for each in declaration.conditions):
                values[declaration.name] = choices.get(declaration.key, declaration.default)
                keys.add(declaration.key)
        return values, keys

    def read(self, choices: Mapping[str, Any]) -> HyperparameterReader:
        """Return the reader after a run of `search_space` on choices by key; the default stands for others."""
        return run_space(self.search_space, choices)

    def named(self, values: Mapping[str, Any]) -> HyperparameterReader:
        """Return the reader after a run on flat values by name; the default stands for missing ones."""
        reader = HyperparameterReader(lambda declaration: values.get(declaration.name, declaration.default))
        self.search_space(reader)
        return reader

    def __str__(self) -> str:
        """What is searched and what is fixed, in a line."""
        names = dict.fromkeys(each.name for each in self.declarations if each.kind != "Fixed")
        fixed = {each.name: each.default for each in self.declarations if each.kind == "Fixed"}
        told = f"the search decides {_few(list(names))}" if names else "the search has nothing to decide"
        return told + (f"; fixed: {_few([f'{name}={value}' for name, value in fixed.items()])}" if fixed else "")

    def as_list(self) -> list[dict[str, Any]]:
        """Return the declarations as JSON-like values."""
        return [declaration.as_dict() for declaration in self.declarations]


def run_space(search_space: Callable[[Any], Any], choices: Mapping[str, Any]) -> HyperparameterReader:
    """Return the reader after one run of `search_space`, with values by a declaration's key."""
    reader = HyperparameterReader(lambda declaration: choices.get(declaration.key, declaration.default))
    try:
        search_space(reader)
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput(
            f"search_space must work at every point of the space, and raises {type(error).__name__}: {error} "
            f"at {reader.values}"
        ) from error
    return reader


def space_for(experiment: Experiment, data: DatasetInfo) -> Space:
    """Return the `Space` of an experiment on some data: what `fixed_for` names is fixed in it.

    Raises:
        InvalidInput: as `discover`, or `fixed_for` names what is not declared, or a value out of its range.
    """
    fixed = experiment.fixed_for(data)
    if not isinstance(fixed, Mapping):
        raise InvalidInput(f"fixed_for must return values by the names of hyperparameters, got {fixed!r}")
    space = discover(_fixing(experiment.search_space, fixed) if fixed else experiment.search_space)
    unknown = [name for name in fixed if name not in {each.name for each in space.declarations}]
    if unknown:
        raise InvalidInput(f"fixed_for must name hyperparameters that search_space declares, and {unknown[0]} is none")
    return space


def _fixing(search_space: Callable[[Any], Any], fixed: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Return `search_space` with some hyperparameters fixed."""

    def with_fixed(hp: HyperparameterReader) -> Any:
        hp.fix(fixed)
        return search_space(hp)

    return with_fixed


def discover(search_space: Callable[[Any], Any]) -> Space:
    """Return the `Space` of `search_space`.

    Starting with the defaults, each hyperparameter is set to each of its values (to 64 over the range, where there are
    more), the others being as they were when it was first seen; then 256 points are drawn at random.

    Raises:
        InvalidInput: it declares nothing, over a thousand hyperparameters, or one range that contradicts another.
    """
    found: dict[str, Declaration] = {}
    sizes = set()
    waiting: deque[dict[str, Any]] = deque([{}])
    while waiting:
        choices = waiting.popleft()
        reader = run_space(search_space, choices)
        sizes.add(len(reader.declared))
        for declaration in _new(reader, found):
            waiting.extend({**choices, declaration.key: value} for value in probes(declaration))
    for choices in random_choices(dict(found), N_RANDOM_POINTS):
        reader = run_space(search_space, choices)
        sizes.add(len(reader.declared))
        _new(reader, found)
    if not found:
        raise InvalidInput("search_space must declare at least one hyperparameter, and declares none")
    return Space(search_space, tuple(found.values()), is_static=sizes == {len(found)})


def probes(declaration: Declaration) -> list[Any]:
    """Return a hyperparameter's values: all, or of very many some that cover the range, both ends among them."""
    settings = declaration.settings
    if declaration.kind == "Fixed":
        return []
    if declaration.kind == "Boolean":
        return [False, True]
    if declaration.kind == "Choice":
        return list(settings["values"])[:MOST_PROBES]
    n_steps = _n_steps(settings)
    if n_steps is not None and n_steps <= MOST_PROBES:
        return [_at_step(declaration, step) for step in range(n_steps)]
    return [value_at(declaration, share) for share in np.linspace(0, 1, 9)]


def value_at(declaration: Declaration, share: float) -> Any:
    """Return a hyperparameter's value at a share, 0 to 1, of its range on the scale that it is sampled on."""
    settings = declaration.settings
    if declaration.kind == "Fixed":
        return settings["value"]
    if declaration.kind in ("Boolean", "Choice"):
        values = [False, True] if declaration.kind == "Boolean" else list(settings["values"])
        return values[min(int(share * len(values)), len(values) - 1)]
    n_steps = _n_steps(settings)
    if n_steps is not None:
        return _at_step(declaration, min(int(share * n_steps), n_steps - 1))
    low, high = settings["min_value"], settings["max_value"]
    if settings["sampling"] == "log":
        value = low * (high / low) ** share
    elif settings["sampling"] == "reverse_log":
        value = high + low - low * (high / low) ** (1 - share)
    else:
        value = low + (high - low) * share
    return round(value) if declaration.kind == "Int" else float(min(max(value, low), high))


def _n_steps(settings: Mapping[str, Any]) -> int | None:
    """Return how many values a stepped range has, or None for one without steps."""
    low, high, step = settings["min_value"], settings["max_value"], settings["step"]
    if settings["sampling"] == "linear":
        return None if step is None else int((high - low) / step + 1e-8) + 1
    return None if step is None else int(math.log(high / low, step) + 1e-8) + 1


def _at_step(declaration: Declaration, index: int) -> Any:
    """Return the value at a step of the range, counted from 0."""
    settings = declaration.settings
    low, high = settings["min_value"], settings["max_value"]
    if settings["sampling"] == "linear":
        value = low + index * settings["step"]
    elif settings["sampling"] == "log":
        value = low * settings["step"] ** index
    else:
        value = high + low - low * settings["step"] ** index
    return int(value) if declaration.kind == "Int" else float(value)


def random_choices(found: Mapping[str, Declaration], n: int) -> Iterable[dict[str, Any]]:
    """Yield `n` random choices of a value for each declaration, always the same ones."""
    random = np.random.default_rng(0)
    for _ in range(n):
        yield {key: value_at(declaration, random.random()) for key, declaration in found.items()}


def corners(space: Space) -> list[dict[str, Any]]:
    """Return choices at which a space is largest and smallest: all defaults, all lowest, all highest, and each
    hyperparameter alone at either end."""
    keys = {declaration.key: declaration for declaration in space.declarations if declaration.kind != "Fixed"}
    ends = {key: (value_at(declaration, 0.0), value_at(declaration, 1.0)) for key, declaration in keys.items()}
    everything = [{}, {key: low for key, (low, _) in ends.items()}, {key: high for key, (_, high) in ends.items()}]
    return everything + list(
        itertools.chain.from_iterable([{key: low}, {key: high}] for key, (low, high) in ends.items())
    )


def _new(reader: HyperparameterReader, found: dict[str, Declaration]) -> list[Declaration]:
    """Enter a run's declarations into those that were found, and return the new ones."""
    new = [declaration for key, declaration in reader.declared.items() if key not in found]
    found.update({declaration.key: declaration for declaration in new})
    if len(found) > MOST_DECLARATIONS:
        raise InvalidInput(
            f"search_space must declare at most {MOST_DECLARATIONS} hyperparameters, and names more than that; "
            "do their names or ranges change from call to call?"
        )
    return new


def _few(texts: list[str]) -> str:
    shown = ", ".join(texts[:MOST_NAMED])
    return shown if len(texts) <= MOST_NAMED else f"{shown} and {len(texts) - MOST_NAMED} more"
