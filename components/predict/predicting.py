"""Asks a model about every example of a data source, in order."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.core import events, files
from components.core.errors import InvalidInput
from components.inference.servable import Servable
from components.predict.table import Parts, check_output
from components.sources.unlabelled import Unlabelled, Wanted, examples

BATCH = 1_024
ROWS_OF_A_PART = 16 * BATCH
"""What a kill costs at most."""

Progress = Callable[[int, int], None]
"""Hears how many rows of how many are there."""


@dataclass(frozen=True)
class Outcome:
    """A finished table.

    Attributes:
        n_rows: its rows.
        n_new: those that this process has computed.
        model_share: the share of its processor time, from the first example on, that the model had, 0 to 1.
    """

    n_rows: int
    n_new: int
    model_share: float


def predict(
    servable: Servable,
    data_source: str,
    output: Path,
    all_probabilities: bool = False,
    resize: bool = False,
    progress: Progress = lambda done, total: None,
) -> Outcome:
    """Write a table with a row an example: `example`, `label`, `probability`, and on demand one of each class.

    Args:
        servable: the model.
        data_source: where the examples are.
        output: the table's file, `.parquet` or `.csv`; what an earlier process has left of it is gone on with.
        all_probabilities: whether each class has a column, `probability of CLASS`.
        resize: whether images of another size are scaled.
        progress: hears of the rows.

    Raises:
        InvalidInput: the data, or the output, can't be used.
    """
    check_output(output)
    wanted = Wanted(servable.input_shape, servable.input_dtype, resize)
    found = examples(data_source, wanted)
    if not len(found):
        raise InvalidInput(f"data_source must hold examples, got none in {data_source!r}")
    meant = {
        "version": servable.version,
        "model": servable.digest,
        "data": data_source,
        "examples": files.digest(list(found.names)),
        "all_probabilities": all_probabilities,
    }
    parts = Parts(output, meant)
    if begun := parts.n_rows:
        events.note(f"going on after {begun:,} of {len(found):,} rows")
    share = _fill(parts, servable, found, all_probabilities, progress)
    parts.finish()
    return Outcome(len(found), len(found) - begun, share)


def _fill(parts: Parts, servable: Servable, found: Unlabelled, all_probabilities: bool, progress: Progress) -> float:
    """Compute the rows that are missing, and return the model's share of the processor time."""
    started, in_model = time.process_time(), 0.0
    names: list[str] = []
    rows: list[np.ndarray] = []
    for start, inputs in found.batches(parts.n_rows, BATCH):
        before = time.process_time()
        rows.append(servable.compute(inputs))
        in_model += time.process_time() - before
        end = start + len(inputs)
        names += found.names[start:end]
        if len(names) >= ROWS_OF_A_PART or end == len(found):
            parts.append(_columns(names, np.concatenate(rows), servable.class_names, all_probabilities))
            names, rows = [], []
        progress(end, len(found))
    return in_model / max(time.process_time() - started, 1e-9)


def _columns(
    names: list[str], rows: np.ndarray, class_names: tuple[str, ...], all_probabilities: bool
) -> dict[str, object]:
    best = rows.argmax(axis=1)
    every = {f"probability of {name}": rows[:, index] for index, name in enumerate(class_names)}
    return {
        "example": names,
        "label": [class_names[index] for index in best],
        "probability": rows.max(axis=1),
        **(every if all_probabilities else {}),
    }
