"""What the promote step leaves: its metrics, and the page of the decision."""

from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from components.core.data import TestData
from components.pages import pictures, templating
from components.pages.input_kind import InputKind
from components.pages.texts import class_labels
from components.promote.comparison import Comparison

TEMPLATE = Path(__file__).parent / "templates" / "decision.html"
MOST_SHOWN = 24
LONGEST_NAME = 48


def sentence(found: Comparison) -> str:
    """Return the decision as a line of a log."""
    outcome = "goes into service" if found.decision.promoted else "does not go into service"
    return f"version {found.candidate.number} {outcome}: {found.decision.reason}"


def metrics(found: Comparison) -> dict[str, float]:
    """Return the decision's figures, by name; `promoted` is 1 or 0, which every store of metrics can hold."""
    cells, p_value = found.decision.cells, found.decision.p_value
    return {
        "promoted": int(found.decision.promoted),
        "version": found.candidate.number,
        **({"champion": found.champion.number} if found.champion else {}),
        "candidate_accuracy": found.decision.accuracy,
        **({"accuracy_difference": cells.difference} if cells else {}),
        **({"p_value": p_value} if p_value is not None else {}),
    }


def render(found: Comparison, data: TestData) -> str:
    """Return the page of a decision, one HTML file with no script and nothing to fetch."""
    kind = InputKind(tuple(data.info.input_shape), data.info.input_dtype)
    names = class_labels(data.info.class_names, LONGEST_NAME)
    shown = _chosen(found, np.asarray(data.test.labels))
    return templating.render(
        TEMPLATE,
        found=found,
        decision=found.decision,
        kind=kind,
        names=names,
        labels=data.test.labels,
        shown=shown,
        drawn=_drawn(data, shown) if kind.are_images else {},
    )


def _chosen(found: Comparison, labels: np.ndarray) -> list[int]:
    """Return the examples on which both differ that are shown: half of them the candidate's, if there are so many."""
    if not found.differing.size:
        return []
    won = [int(i) for i in found.differing if found.predicted[0][i] == labels[i]]
    lost = [int(i) for i in found.differing if found.predicted[1][i] == labels[i]]
    n_lost = min(len(lost), max(MOST_SHOWN // 2, MOST_SHOWN - len(won)))
    return [*lost[:n_lost], *won[: MOST_SHOWN - n_lost]]


def _drawn(data: TestData, shown: list[int]) -> dict[int, Markup]:
    if not shown:
        return {}
    pixels, _ = pictures.levels(np.asarray(data.test.inputs[shown]))
    pairs: list[tuple[int, Any]] = list(zip(shown, pixels, strict=True))
    return {index: pictures.picture(image, f"Test image {index}") for index, image in pairs}
