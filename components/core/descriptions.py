"""What a component's parameters and artifacts are, as Kubeflow shows it: for parameters the text of `--help`."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from components.core.parameters import PARAMETERS

Function = TypeVar("Function", bound=Callable[..., Any])

ARTIFACTS = {
    "training_data": "Training and validation examples with their classes, a sealed folder of .npy files.",
    "test_data": "Test examples with their classes, which nothing that chooses a model sees.",
    "best_hyperparameters": "The hyperparameters of the trial that was best in the search, as JSON.",
    "finalists": "The configurations that are trained to the end, with the weights that they have so far.",
    "trials": "The search's journal: its plan, and a line for each trial with its curve.",
    "model": "The Keras model, model.keras, with model.json that says where it comes from.",
    "history": "The finals' curves, epoch by epoch.",
    "metrics": "Figures by which runs are compared.",
    "evaluation": "What the model is worth on the test examples, as JSON.",
    "classification_metrics": "The confusion matrix on the test examples.",
    "report": "The report on the whole run, one page.",
    "model_card": "The model card.",
    "predictions": "A folder with predictions.parquet: a row an example, in order.",
    "decision": "Whether the model goes into service and why, one page.",
}
STEP_PARAMETERS = {
    "n_finalists": PARAMETERS["finalists"].description,
    "state_dir": "Folder in which an interrupted step finds what it had; empty: none.",
    "run": "What names the run.",
}


def described(function: Function) -> Function:
    """Add to the docstring of a component or pipeline function what KFP reads in it: inputs as arguments, outputs as
    results, each with its description where it has one."""
    inputs: list[str] = []
    outputs: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        of_kind = outputs if _is_output(parameter.annotation) else inputs
        if text := _description(name):
            of_kind.append(f"    {name}: {text}")
    sections = {"Args:": inputs, "Returns:": outputs}
    listed = ["\n".join([heading, *lines]) for heading, lines in sections.items() if lines]
    function.__doc__ = "\n\n".join([inspect.getdoc(function) or function.__name__, *listed])
    return function


def _is_output(annotation: Any) -> bool:
    """Whether an annotation is KFP's `Output[…]`, which is known by its mark: this folder does without KFP."""
    return any(getattr(mark, "__name__", "") == "OutputAnnotation" for mark in getattr(annotation, "__metadata__", ()))


def _description(name: str) -> str:
    if name in PARAMETERS:
        return PARAMETERS[name].description
    return STEP_PARAMETERS.get(name) or ARTIFACTS.get(name, "")
