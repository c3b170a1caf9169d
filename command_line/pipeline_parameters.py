"""Every pipeline parameter as an option, with name, type and default from the pipeline's own signature."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import click

from cluster.options import ClusterOptions
from command_line.paths import check_utf8, given_path
from components.core.errors import InvalidInput
from components.core.parameters import PARAMETERS, check, check_effect

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

MLFLOW, MLFLOW_VARIABLE = "mlflow", "MLFLOW_TRACKING_URI"
"""The parameter that MLflow's own variable is the default of."""

TYPES: dict[str, type] = {"Integer": int, "Float": float, "String": str, "Boolean": bool}


class Build(Protocol):
    """What makes the pipeline: `pipeline.build`."""

    def __call__(self, options: ClusterOptions | None = None, state_dir: str = "") -> Any:
        """Return the pipeline, compiled by KFP."""

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class Parameter:
    """A pipeline parameter as the pipeline's signature has it."""

    type: type
    default: Any


class PipelineParameters:
    """The pipeline's parameters, by name, in the order of its signature.

    Attributes:
        inputs: type and default by name.
    """

    def __init__(self, build: Build) -> None:
        """Read the signature of the pipeline that `build` makes.

        Raises:
            InvalidInput: one of the parameters can't be an option; the message names it.
        """
        self.inputs = _inputs(build)

    @property
    def defaults(self) -> dict[str, Any]:
        """The defaults, by name."""
        return {name: parameter.default for name, parameter in self.inputs.items()}

    def options(self, command: Decorated) -> Decorated:
        """Add an option for each; one that is not given is None, so that it can be told apart."""
        for name in reversed(self.inputs):
            command = self._option(name)(command)
        return command

    def take(self, values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the parameters that were given, and all with their defaults.

        Args:
            values: what click hands to a command; the parameters' own values are removed from it.

        Raises:
            InvalidInput: one of them breaks its rule.
        """
        given = {name: _as_meant(name, value) for name in self.inputs if (value := values.pop(name)) is not None}
        if MLFLOW in self.inputs and MLFLOW not in given and (address := os.environ.get(MLFLOW_VARIABLE)):
            given[MLFLOW] = address
        checked = check(**{**self.defaults, **given})
        check_effect(given, checked)
        return {name: checked[name] for name in given}, checked

    def _option(self, name: str) -> Callable[[Decorated], Decorated]:
        kind, default = self.inputs[name].type, self.inputs[name].default
        shown = str(default).lower() if kind is bool else str(default)
        description = PARAMETERS[name].description if name in PARAMETERS else ""
        text = description + (f"  [default: {shown}]" if shown else "")
        return click.option(f"--{name.replace('_', '-')}", name, type=_click_type(name, kind), default=None, help=text)


@functools.cache
def _inputs(build: Callable[..., Any]) -> dict[str, Parameter]:
    """Return a pipeline's inputs; to make it takes KFP seconds in a program that has imported much."""
    inputs = build().component_spec.inputs or {}
    return {name: _parameter(name, spec) for name, spec in inputs.items()}


def _parameter(name: str, spec: Any) -> Parameter:
    if spec.type not in TYPES or spec.default is None:
        raise InvalidInput(
            f"{name} must be an int, float, str or bool with a default in the pipeline, got {spec.type}"
        )
    return Parameter(TYPES[spec.type], TYPES[spec.type](spec.default))


def _as_meant(name: str, value: Any) -> Any:
    """Return what a user gave, with his home for a `~` at the start of a path.

    Raises:
        InvalidInput: it is text, and not in UTF-8, or the home of no user.
    """
    if not isinstance(value, str):
        return value
    check_utf8(name, value)
    is_from_home = name in PARAMETERS and PARAMETERS[name].is_path and value.startswith("~")
    return str(given_path(name, value)) if is_from_home else value


def _click_type(name: str, kind: type) -> click.ParamType[Any]:
    if kind is bool:
        return _TrueOrFalse(name)
    return _Number(name, kind) if kind in (int, float) else click.STRING


class _Number(click.ParamType[Any]):
    """A number that is refused with the parameter's own rule."""

    def __init__(self, parameter: str, kind: type) -> None:
        self.name = "integer" if kind is int else "number"
        self._parameter = parameter
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._kind(value)
        except ValueError:
            known = PARAMETERS.get(self._parameter)
            rule = (known and known.rule) or ("an integer" if self.name == "integer" else "a number")
            raise InvalidInput(f"{self._parameter} must be {rule}, got {value!r}") from None


class _TrueOrFalse(click.ParamType[Any]):
    name = "true|false"

    def __init__(self, parameter: str) -> None:
        self._parameter = parameter

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if isinstance(value, bool):
            return value
        if value.lower() not in known:
            raise InvalidInput(f"{self._parameter} must be true or false, got {value!r}")
        return known[value.lower()]
