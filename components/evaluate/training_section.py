"""What the report says of the finals: how the model learned, and what the others came to."""

from dataclasses import dataclass

from markupsafe import Markup

from components.evaluate.curves_figure import final_curves
from components.evaluate.finals import Final, Spread, finals_of, kept_of, spreads_of
from components.evaluate.inputs import ReportInputs
from components.evaluate.model_figures import learning_curves


@dataclass(frozen=True)
class TrainingSection:
    """What the section shows.

    Attributes:
        n_epochs: how many epochs the model was trained for, 0 when no training has finished.
        chosen_epoch: whose weights were kept, or None.
        score: the validation objective after that epoch, or None.
        curves: the figures of the model's training.
        finals: all trainings to the end; none of an older run.
        spreads: what those of each configuration have in common.
        compared: the figure of all finals, or None where there are fewer than two to draw.
    """

    n_epochs: int
    chosen_epoch: int | None
    score: float | None
    curves: list[Markup]
    finals: list[Final]
    spreads: list[Spread]
    compared: Markup | None

    @property
    def kept(self) -> Final | None:
        """The final that is the model, or None where nothing says."""
        return kept_of(self.finals)

    @property
    def n_configurations(self) -> int:
        return len({final.number for final in self.finals})

    @property
    def n_scored(self) -> int:
        return sum(spread.n_seeds for spread in self.spreads)

    @property
    def has_repeats(self) -> bool:
        """Whether a configuration was trained with several seeds."""
        return any(spread.deviation is not None for spread in self.spreads)


def training_section(inputs: ReportInputs) -> TrainingSection:
    """Return what the section on the finals shows."""
    history, finals = inputs.history or {}, finals_of(inputs)
    n_epochs = len(history.get("loss", []))
    drawable = sum(bool(final.curve) for final in finals) > 1
    return TrainingSection(
        n_epochs=n_epochs,
        chosen_epoch=history.get("chosen_epoch"),
        score=inputs.chosen_score,
        curves=learning_curves(history, inputs.objective) if n_epochs else [],
        finals=finals,
        spreads=spreads_of(finals),
        compared=final_curves(finals, inputs.objective) if drawable else None,
    )
