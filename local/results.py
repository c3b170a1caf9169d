"""A finished run as Python values: typed results, and pandas frames of its trials and epochs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.core import artifacts, models
from components.core.data import TestData
from components.core.errors import InvalidInput

if TYPE_CHECKING:
    import keras
    import pandas as pd


@dataclass(frozen=True)
class Run:
    """A finished run on this machine.

    Attributes:
        folder: its folder.
        test_accuracy, validation_accuracy: of its model, 0 to 1.
        hyperparameters: of its model, by name.
        parameters: the pipeline parameters that it was given.
        seconds: that each step took, by the step's name.
        promoted: whether its model went into service; None where no registry was named.
        version: the registry's number of its model; None where no registry was named.
    """

    folder: Path
    test_accuracy: float
    validation_accuracy: float
    hyperparameters: dict[str, Any]
    parameters: dict[str, Any]
    seconds: dict[str, float]
    promoted: bool | None = None
    version: int | None = None

    @property
    def report(self) -> Path:
        """The report's file."""
        return self.folder / "report.html"

    @property
    def trials(self) -> "pd.DataFrame":
        """A row a trial, by its number: status, validation accuracy, epochs, seconds, reason, and hyperparameters."""
        import pandas as pd

        found = _summary(self.folder)["trials"]
        rows = [{**{name: trial[name] for name in _COLUMNS}, **trial["hyperparameters"]} for trial in found]
        return pd.DataFrame(rows).set_index("number")

    @property
    def curves(self) -> "pd.DataFrame":
        """A column a trial, by its number: the objective on the validation split, by epoch from 1."""
        import pandas as pd

        columns = {trial["number"]: pd.Series(trial["curve"]) for trial in _summary(self.folder)["trials"]}
        frame = pd.DataFrame(columns)
        frame.index = frame.index + 1
        return frame.rename_axis(index="epoch", columns="trial")

    @property
    def epochs(self) -> "pd.DataFrame":
        """A row an epoch of the final training, from 1: loss, accuracy, learning rate, seconds."""
        import pandas as pd

        found = artifacts.read_history(self.folder / "train" / "history")
        lists = {name: values for name, values in found.items() if isinstance(values, list) and name != "finals"}
        frame = pd.DataFrame(lists)
        frame.index = frame.index + 1
        return frame.rename_axis(index="epoch")

    def model(self) -> "keras.Model":
        """Return the model, loaded in Keras' safe mode."""
        import components.experiment  # noqa: F401 - registers its layers with Keras

        return models.read(self.folder / "train" / "model")

    def test_data(self) -> TestData:
        """Return the test examples that it was measured on."""
        return artifacts.read_test_data(self.folder / "prepare" / "test_data")


_COLUMNS = ("number", "status", "validation_accuracy", "epochs", "seconds", "reason")


def load_run(folder: str | Path) -> Run:
    """Return the run in a folder.

    Raises:
        InvalidInput: the folder holds no finished run.
    """
    path = Path(folder)
    summary = _summary(path)
    try:
        return Run(
            path,
            summary["test_accuracy"],
            summary["validation_accuracy"],
            summary["best_hyperparameters"],
            summary["parameters"],
            summary["steps"],
            summary.get("promoted"),
            summary.get("version"),
        )
    except (KeyError, TypeError):
        raise _none(path) from None


def compare(runs: list[Run]) -> "pd.DataFrame":
    """Return a row a run, by its folder's name: results, seconds, and what differs of parameters and values."""
    import pandas as pd

    rows = {}
    for run in runs:
        results = {"test_accuracy": run.test_accuracy, "validation_accuracy": run.validation_accuracy}
        rows[run.folder.name] = {
            **results,
            "seconds": sum(run.seconds.values()),
            **_differing(run.parameters, [each.parameters for each in runs]),
            **_differing(run.hyperparameters, [each.hyperparameters for each in runs]),
        }
    return pd.DataFrame(rows).T


def _differing(own: dict[str, Any], all_of_them: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in own.items() if any(each.get(name) != value for each in all_of_them)}


def _summary(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "summary.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        raise _none(folder) from None


def _none(folder: Path) -> InvalidInput:
    return InvalidInput(f"folder must be that of a finished run, and {folder} has no whole summary.json")
