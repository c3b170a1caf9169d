"""What MLflow is told of a run, read from the run's artifacts."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core import artifacts, journal, models
from components.core.errors import InvalidInput
from components.core.trial import Trial


@dataclass(frozen=True)
class Facts:
    """A run.

    Attributes:
        run: what names it.
        description: the model's own.
        figures: of the whole run, by name.
        curves: a value an epoch of the final training, by name.
        trials: of the search, by number.
        objective: what the search optimized.
    """

    run: str
    description: dict[str, Any]
    figures: dict[str, float]
    curves: dict[str, list[float]]
    trials: list[Trial]
    objective: str


def read(model: str, history: str, trials: str, evaluation: str, run: str) -> Facts:
    """Return what four artifacts say of a run.

    Raises:
        InvalidInput: one of them is damaged.
    """
    artifacts.verify(evaluation, "evaluation")
    measured = json.loads((Path(evaluation) / "evaluation.json").read_bytes())
    names = ("accuracy", "loss", "macro_f1", "calibration_error")
    figures = {f"test_{name}": measured[name] for name in names if _is_number(measured.get(name))}
    curves = {
        name: values
        for name, values in artifacts.read_history(history).items()
        if isinstance(values, list) and values and all(map(_is_number, values))
    }
    found = journal.read(Path(trials) / journal.FILE_NAME)
    if "objective" not in found.header:
        raise InvalidInput(f"trials at {trials} must say what the search optimized, and do not")
    ordered = journal.in_order(found.trials)
    return Facts(run, models.read_description(model), figures, curves, ordered, found.header["objective"]["name"])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
