"""What the report says of the final training: how the model learned."""

from dataclasses import dataclass

from markupsafe import Markup

from components.evaluate.inputs import ReportInputs
from components.evaluate.model_figures import learning_curves


@dataclass(frozen=True)
class TrainingSection:
    """What the section shows.

    Attributes:
        n_epochs: how many epochs the training ran for, 0 when it has not finished.
        chosen_epoch: whose weights were kept, or None.
        score: the validation objective after that epoch, or None.
        curves: the figures.
    """

    n_epochs: int
    chosen_epoch: int | None
    score: float | None
    curves: list[Markup]


def training_section(inputs: ReportInputs) -> TrainingSection:
    """Return what the section on the final training shows."""
    history = inputs.history or {}
    n_epochs = len(history.get("loss", []))
    curves = learning_curves(history, inputs.objective) if n_epochs else []
    return TrainingSection(n_epochs, history.get("chosen_epoch"), inputs.chosen_score, curves)
