"""What a report is made from."""

from dataclasses import dataclass, field

from components.evaluate.evaluation import Evaluation
from components.evaluate.trials import Search


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

    search: Search | None = None
    history: dict | None = None
    model: dict | None = None
    evaluation: Evaluation | None = None
    steps: dict = field(default_factory=dict)
    parameters: dict = field(default_factory=dict)

    @property
    def description(self):
        """What is known of the model: from its evaluation, or else from the model itself."""
        return self.evaluation.model if self.evaluation else self.model or {}

    @property
    def data_source(self):
        """Where the data came from, or None when nothing says."""
        known = (self.evaluation.data if self.evaluation else {}, self.parameters, self.description)
        found = (place.get(key) for place, key in zip(known, ("source", "data_source", "data_source"), strict=True))
        return next((source for source in found if source), None)
