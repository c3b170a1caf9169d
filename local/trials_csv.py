"""A search's trials as a table for spreadsheets and data frames: `trials.csv` beside the report."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

FIRST = ("number", "status", "validation_accuracy", "epochs", "seconds", "reason")


def as_csv(trials: Sequence[Mapping[str, Any]]) -> str:
    """Return a line a trial, with a column for each hyperparameter that any of them has and one for the curve.

    Args:
        trials: as in `summary.json`. What a trial has not is empty; a curve is its objectives, a space between them.
    """
    names = list(dict.fromkeys(name for trial in trials for name in trial["hyperparameters"]))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*FIRST, *names, "curve"])
    for trial in trials:
        values = [trial["hyperparameters"].get(name) for name in names]
        writer.writerow([*(trial[name] for name in FIRST), *values, " ".join(map(str, trial["curve"]))])
    return text.getvalue()
