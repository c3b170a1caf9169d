"""A final: a configuration that is trained to the end, and its checkpoint.

The checkpoint is written after each epoch, says how far the training is, and holds the weights of the best epoch. So a
step that is killed goes on where each final was.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from components.core import files
from components.core.data import TrainingData
from components.core.experiment import Experiment
from components.core.finalists import Final
from components.training.checkpoint import Checkpoint, key_of
from components.training.state import Course, TrainingState
from components.workers.stretch import Stretch


@dataclass(frozen=True)
class FinalTraining:
    """A final on its way.

    Attributes:
        experiment: the `Experiment`.
        data: training and validation split.
        final: what is trained.
        course: how far, and with what patience.
        file: its checkpoint.
        left_by_search: the checkpoint to begin with, or None.
    """

    experiment: Experiment
    data: TrainingData
    final: Final
    course: Course
    file: Path
    left_by_search: Path | None

    @property
    def name(self) -> str:
        """What people read."""
        return f"trial {self.final.number} seed {self.final.seed}"

    @property
    def key(self) -> dict[str, Any]:
        """What decides it."""
        return key_of(self.final.hyperparameters, self.data.fingerprint, self.course)

    def begin(self) -> TrainingState:
        """Return where it stands: where its own checkpoint says or, without a usable one, where the search left it."""
        state = self.read()
        if state.epochs and not self.course.ended_before(state):
            return state
        files.remove(self.file)
        if self.left_by_search:
            with files.replacing(self.file) as partial:
                shutil.copyfile(self.left_by_search, partial)
        return self.read()

    def read(self) -> TrainingState:
        """Return what its checkpoint holds; a training at its beginning where there is none that can be used."""
        state = TrainingState(self.experiment.objective)
        saved = Checkpoint(self.file, self.key).read(self.course)
        if saved is None:
            return state
        return replace(state, compiled=saved.compiled, epochs=saved.epochs, best_weights=saved.best_weights)

    @property
    def refit_file(self) -> Path:
        """The checkpoint of its training anew."""
        return self.file.with_suffix(".refit.npz")

    def stretch(self, place: int) -> Stretch:
        """Return what a worker is given; `place` stands for the final, since a trial may have several."""
        return Stretch(
            number=place,
            hyperparameters=self.final.hyperparameters,
            last=self.course.end,
            n_epochs=self.course.n_epochs,
            seed=self.course.seed,
            checkpoint=str(self.file),
            every_epoch=True,
            patience=self.course.patience,
            waits_from=self.course.waits_from,
        )
