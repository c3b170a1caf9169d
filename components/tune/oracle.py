"""Keras Tuner's oracle over the project's own suggestions, for those who use `CustomTuner` as a Keras tuner.

What differs from the stock oracle, and why, is in docs/decisions/0009-rounds.md.
"""

from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus

from components.core.space import Space
from components.tune.suggestions import Observation, Suggester
from components.tune.unit_cube import UnitCube, from_keras_tuner


class Oracle(kt.oracles.BayesianOptimizationOracle):
    """Suggests one trial after the other; a suggestion depends on the seed and the trials before it alone.

    Args:
        space: the search space, or None for the one that a hypermodel declares to Keras Tuner.
        **kwargs: Keras Tuner's own. `alpha` and `beta` are refused: noise is learnt, and exploration follows from
            what is left of `max_trials`.
    """

    def __init__(self, *, space: Space | None = None, **kwargs: Any) -> None:
        for name in ("alpha", "beta"):
            if kwargs.get(name) is not None:
                raise ValueError(f"{name} must be left out: noise is learnt, and exploration follows from max_trials")
        self.space = space
        if space:
            kwargs["hyperparameters"] = UnitCube(space).hyperparameters
        super().__init__(**kwargs)
        self.seed = kwargs["seed"]  # Keras Tuner takes a seed of zero for none

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return Keras Tuner's answer for trial `trial_id`: its values, or STOPPED when no new point is left."""
        before = sorted(self.trials.values(), key=lambda trial: int(trial.trial_id))
        suggester = Suggester(self.space or from_keras_tuner(self.hyperparameters), int(self.seed))
        tried = [trial.hyperparameters.values for trial in before]
        observations = self._observations(before)
        if len(before) < self.num_initial_points or len(observations) < 2:
            suggested = suggester.spread(1, tried)
        else:
            suggested = suggester.promising(1, tried, observations, len(before) / (self.max_trials or len(before)))
        if not suggested:
            return {"status": TrialStatus.STOPPED, "values": None}
        return {"status": TrialStatus.RUNNING, "values": suggested[0]}

    def _observations(self, trials: list[Trial]) -> list[Observation]:
        sign = 1 if self.objective.direction == "max" else -1
        seen = [trial for trial in trials if trial.status == TrialStatus.COMPLETED and trial.score is not None]
        return [Observation(trial.hyperparameters.values, 1.0, sign * trial.score) for trial in seen]
