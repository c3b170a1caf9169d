"""What the report says of the mistakes: where the model is wrong, and how sure it is of itself."""

from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup

from components.evaluate import model_figures
from components.evaluate.evaluation import Evaluation
from components.evaluate.inputs import ReportInputs
from components.evaluate.metrics import Confusion, Mistake, worst_confusions
from components.pages import pictures
from components.pages.input_kind import InputKind
from components.pages.texts import class_labels, text_of

MOST_MATRIX_CLASSES = 40
"""The confusion matrix of more classes than this can't be read: the worst confusions stand in its place."""

MOST_CONFUSIONS = 50
MOST_FEATURES = 8
LONGEST_NAME = 48


@dataclass(frozen=True)
class MistakesSection:
    """What the section shows.

    Attributes:
        evaluation: what the model is worth.
        names: the classes' names, none too long and no two alike.
        matrix: the confusion matrix, or None of many classes.
        confusions: the worst confusions, where there is no matrix.
        calibration: the reliability diagram.
        pictures: of the worst mistakes, one each, where the inputs are images.
        are_stretched: whether their numbers had to be stretched to be shown.
        features: headings of the first numbers of the worst mistakes' inputs, where they are no images.
        rows: those numbers as text, a list a mistake.
    """

    evaluation: Evaluation
    names: list[str]
    matrix: Markup | None
    confusions: list[Confusion]
    calibration: Markup
    pictures: list[Markup] = field(default_factory=list)
    are_stretched: bool = False
    features: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    @property
    def mistakes(self) -> list[Mistake]:
        return self.evaluation.mistakes

    @property
    def is_small(self) -> bool:
        """Whether the classes are few enough for their matrix to fit beside something else."""
        return len(self.names) <= 12

    @property
    def n_features(self) -> int:
        return int(np.prod(self.evaluation.mistake_inputs.shape[1:]))


def mistakes_section(inputs: ReportInputs) -> MistakesSection | None:
    """Return what the section on the mistakes shows, or None before a model has been evaluated."""
    evaluation, kind = inputs.evaluation, inputs.input_kind
    if evaluation is None or kind is None:
        return None
    names = class_labels(evaluation.class_names, LONGEST_NAME)
    few = len(names) <= MOST_MATRIX_CLASSES
    matrix = model_figures.confusion_matrix(evaluation.confusion, evaluation.class_names, kind.noun) if few else None
    return MistakesSection(
        evaluation,
        names,
        matrix,
        [] if few else worst_confusions(evaluation.confusion, MOST_CONFUSIONS),
        model_figures.calibration(evaluation.bins, evaluation.calibration_error, kind.noun),
        *(_gallery(evaluation, names) if kind.are_images else ([], False)),
        *(([], []) if kind.are_images else _first_features(evaluation, kind)),
    )


def _gallery(evaluation: Evaluation, names: list[str]) -> tuple[list[Markup], bool]:
    pixels, stretched = pictures.levels(evaluation.mistake_inputs)
    drawn = [
        pictures.picture(
            image, f"Test image {mistake.index}, a {names[mistake.true]} taken for {names[mistake.predicted]}"
        )
        for mistake, image in zip(evaluation.mistakes, pixels, strict=True)
    ]
    return drawn, stretched


def _first_features(evaluation: Evaluation, kind: InputKind) -> tuple[list[str], list[list[str]]]:
    """Return the headings and, of each mistake, the text of the first numbers."""
    n_shown = min(MOST_FEATURES, int(np.prod(kind.shape)))
    places = zip(*np.unravel_index(np.arange(n_shown), kind.shape or (1,)), strict=True)
    flat = evaluation.mistake_inputs.reshape(len(evaluation.mistakes), -1)[:, :n_shown]
    rows = [[text_of(number) if np.isfinite(number) else str(number) for number in row] for row in flat.tolist()]
    return [f"[{', '.join(str(index) for index in place)}]" for place in places], rows
