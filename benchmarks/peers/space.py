"""The search space of `space.json`, declared to Keras Tuner and to Optuna."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

Declarations = Sequence[Mapping[str, Any]]


def declare(hp: Any, declarations: Declarations) -> dict[str, Any]:
    """Return the values by name, declared by the methods of `keras_tuner.HyperParameters`; None where not active."""
    values = {}
    for each in declarations:
        with ExitStack() as scopes:
            for condition in each["conditions"]:
                scopes.enter_context(hp.conditional_scope(condition["name"], condition["values"]))
            values[each["name"]] = _declare(hp, each)
    return values


def suggest(trial: Any, declarations: Declarations) -> dict[str, Any]:
    """Return the active values by name, by the methods of `optuna.Trial`."""
    values: dict[str, Any] = {}
    for each in declarations:
        if all(values.get(condition["name"]) in condition["values"] for condition in each["conditions"]):
            values[each["name"]] = _suggest(trial, each)
    return values


def _declare(hp: Any, declaration: Mapping[str, Any]) -> Any:
    if declaration["kind"] == "Boolean":
        return hp.Boolean(declaration["name"], declaration["default"])
    if declaration["kind"] == "Choice":
        named = {key: declaration[key] for key in ("name", "values", "ordered", "default")}
        return hp.Choice(**named)
    named = {key: declaration[key] for key in ("name", "min_value", "max_value", "step", "sampling", "default")}
    return {"Int": hp.Int, "Float": hp.Float}[declaration["kind"]](**named)


def _suggest(trial: Any, declaration: Mapping[str, Any]) -> Any:
    if declaration["kind"] == "Boolean":
        return trial.suggest_categorical(declaration["name"], [False, True])
    if declaration["kind"] == "Choice":
        return trial.suggest_categorical(declaration["name"], declaration["values"])
    method = {"Int": trial.suggest_int, "Float": trial.suggest_float}[declaration["kind"]]
    log = {"linear": False, "log": True}[declaration["sampling"]]
    step = {} if declaration["step"] is None else {"step": declaration["step"]}
    return method(declaration["name"], declaration["min_value"], declaration["max_value"], log=log, **step)
