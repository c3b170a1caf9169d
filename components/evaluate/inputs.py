"""What a report is made from."""

from dataclasses import dataclass, field
from typing import Any

from components.evaluate.evaluation import Evaluation
from components.evaluate.objective import Objective
from components.evaluate.trials import SearchRecord
from components.pages.input_kind import InputKind


@dataclass(frozen=True)
class ReportInputs:
    """What is known of a run; of an unfinished one, some of it is None.

    Attributes:
        search: the trials so far.
        history: the final training's history, a dictionary.
        model: the model's description, a dictionary.
        evaluation: what the model was found to be worth.
        steps: seconds by name of step.
        parameters: the pipeline's parameters.
    """

    search: SearchRecord | None = None
    history: dict[str, Any] | None = None
    model: dict[str, Any] | None = None
    evaluation: Evaluation | None = None
    steps: dict[str, float] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def description(self) -> dict[str, Any]:
        """What is known of the model: from its evaluation, or else from the model itself."""
        return self.evaluation.model if self.evaluation else self.model or {}

    @property
    def is_refitted(self) -> bool:
        """Whether the model was trained anew on all examples, so that no validation figure is its own."""
        return bool(self.description.get("refit"))

    @property
    def objective(self) -> Objective:
        """What the run optimizes, as the search says or else the model."""
        return self.search.objective if self.search else Objective.of(self.description)

    @property
    def input_kind(self) -> InputKind | None:
        """What the model takes, or None when nothing says."""
        return InputKind.of(self.evaluation.data if self.evaluation else self.description)

    @property
    def noun(self) -> str:
        """What one example is called."""
        return self.input_kind.noun if self.input_kind else "example"

    @property
    def data_source(self) -> str | None:
        """Where the data came from, or None when nothing says."""
        known = (self.evaluation.data if self.evaluation else {}, self.parameters, self.description)
        found = (place.get(key) for place, key in zip(known, ("source", "data_source", "data_source"), strict=True))
        return next((str(source) for source in found if source), None)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Those of the model or, before there is one, of the best trial."""
        best = self.search.best if self.search else None
        return self.description.get("hyperparameters") or (best.hyperparameters if best else {})

    def at_chosen_epoch(self, name: str) -> float | None:
        """Return a figure of the history at the epoch whose weights were kept, or None."""
        values, chosen = (self.history or {}).get(name) or [], (self.history or {}).get("chosen_epoch")
        return values[chosen - 1] if isinstance(chosen, int) and 1 <= chosen <= len(values) else None

    @property
    def chosen_accuracy(self) -> float | None:
        """The validation accuracy of the epoch whose weights were kept, or None."""
        return self.at_chosen_epoch("validation_accuracy")

    @property
    def chosen_score(self) -> float | None:
        """The validation objective of the epoch whose weights were kept, or None."""
        return self.chosen_accuracy if self.objective.is_accuracy else self.at_chosen_epoch("objective")
