"""What is read of hyperparameters: a stand-in for what `search_space` returned that takes it down.

The stand-in is a copy of the same type, so that whoever is given it can't tell: a dataclass, any object with
attributes, a named tuple, a mapping, or the reader itself where `search_space` returns `hp`.
"""

import copy
from collections.abc import Mapping
from typing import Any

from components.core.hyperparameters import HyperparameterReader

WHOLE = "*"
"""Stands for all fields, where something is read that has none."""


class MissingHyperparameter(AttributeError):
    """A field was read that the hyperparameters do not have; `name` is its name."""


class MissingKey(KeyError):
    """The same, of a mapping; its first argument is the name."""


def fields_of(hyperparameters: Any) -> dict[str, Any]:
    """Return the values in what `search_space` returned, by field; as `WHOLE` what has no fields."""
    if isinstance(hyperparameters, HyperparameterReader):
        return dict(hyperparameters.values)
    if isinstance(hyperparameters, Mapping):
        return dict(hyperparameters)
    if hasattr(hyperparameters, "_asdict"):
        return dict(hyperparameters._asdict())
    names = getattr(hyperparameters, "__dataclass_fields__", None) or getattr(hyperparameters, "__dict__", None)
    if names is None:
        return {WHOLE: hyperparameters}
    return {name: getattr(hyperparameters, name) for name in names}


def recording(hyperparameters: Any, read: set[str]) -> Any:
    """Return a stand-in that adds the name of each field that is read to `read`."""
    fields = fields_of(hyperparameters)
    if isinstance(hyperparameters, HyperparameterReader):
        return _RecordingReader(hyperparameters, read)
    if isinstance(hyperparameters, Mapping):
        return _RecordingMapping(hyperparameters, read)
    if fields.keys() == {WHOLE}:
        read.add(WHOLE)
        return hyperparameters
    kind: Any = type(hyperparameters)

    def __getattribute__(self: Any, name: str) -> Any:
        if name in fields:
            read.add(name)
        try:
            return kind.__getattribute__(self, name)
        except AttributeError as error:
            raise MissingHyperparameter(str(error), name=name, obj=hyperparameters) from None

    members: dict[str, Any] = {"__getattribute__": __getattribute__, "__slots__": ()}
    if isinstance(hyperparameters, tuple):
        members["__iter__"] = lambda self: kind.__iter__(_reading_all(self, fields, read))
        members["__getitem__"] = lambda self, index: kind.__getitem__(_reading_all(self, fields, read), index)
        return type(kind.__name__, (kind,), members)(*hyperparameters)
    return _copy_as(type(kind.__name__, (kind,), members), hyperparameters)


def _reading_all(original: Any, fields: dict[str, Any], read: set[str]) -> Any:
    read.update(fields)
    return original


def _copy_as(kind: Any, original: Any) -> Any:
    """Return a copy of an object as one of a class derived from its own."""
    stand_in = copy.copy(original)
    try:
        object.__setattr__(stand_in, "__class__", kind)
    except TypeError:  # as of a SimpleNamespace
        stand_in = kind.__new__(kind)
        for name, value in fields_of(original).items():
            object.__setattr__(stand_in, name, value)
    return stand_in


class _RecordingMapping(Mapping[str, Any]):
    def __init__(self, wrapped: Mapping[str, Any], read: set[str]) -> None:
        self._wrapped = wrapped
        self._read = read

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        if name not in self._wrapped:
            raise MissingKey(name)
        return self._wrapped[name]

    def __iter__(self) -> Any:
        return iter(self._wrapped)

    def __len__(self) -> int:
        return len(self._wrapped)


class _RecordingReader(HyperparameterReader):
    """A reader that is done with declaring, and takes down which values are asked for."""

    def __init__(self, wrapped: HyperparameterReader, read: set[str]) -> None:
        super().__init__(lambda declaration: wrapped.values[declaration.name])
        self.__dict__.update(wrapped.__dict__)
        self._names_read = read

    def get(self, name: str) -> Any:
        self._names_read.add(self._full(name))
        return super().get(name)

    __getitem__ = get

    def declare(self, declaration: Any) -> Any:
        self._names_read.add(declaration.name)
        return super().declare(declaration)
