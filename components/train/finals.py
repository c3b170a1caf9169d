"""The finals: the search's finalists, trained to the end side by side. How many run at once changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.core import events, finalists
from components.core.data import TrainingData
from components.core.experiment import Experiment
from components.train.final_training import FinalTraining
from components.train.finals_loop import FinalsLoop
from components.training.state import Course, TrainingFailed, TrainingState
from components.workers.pool import Pool


@dataclass(frozen=True)
class TrainedFinal:
    """What came of a final: where its training ended or, when it failed, stood, and why it failed."""

    training: FinalTraining
    state: TrainingState
    reason: str | None = None


def final_trainings(
    experiment: Experiment, data: TrainingData, shortlist: str | Path, folder: Path, early_stopping_patience: int
) -> list[FinalTraining]:
    """Return the trainings of a shortlist, in its order.

    Args:
        experiment: the `Experiment`.
        data: training and validation split.
        shortlist: path of the `finalists` artifact.
        folder: for their checkpoints; what it holds of these trainings is continued.
        early_stopping_patience: epochs without a better objective after which a training ends, counted at the
            earliest from where the search left it; 0 is the same as 1.

    Raises:
        InvalidInput: the shortlist is damaged.
    """
    found, patience = finalists.read(shortlist), max(1, early_stopping_patience)
    trainings = []
    for final in found.finals:
        course = Course(found.training_epochs, final.seed, patience=patience, waits_from=final.epochs)
        weights = Path(shortlist) / final.weights if final.weights else None
        trainings.append(FinalTraining(experiment, data, final, course, folder / f"{final.name}.npz", weights))
    return trainings


def train_finals(trainings: Sequence[FinalTraining], training_data: str | Path, workers: int) -> list[TrainedFinal]:
    """Return what came of each training, in the same order.

    Args:
        trainings: the trainings.
        training_data: path of the artifact with their data.
        workers: how many to train at once.

    Raises:
        TrainingFailed: all failed.
    """
    left, reasons = _left(trainings), {}
    if left:
        setup = {"training_data": str(training_data), "fingerprint": trainings[0].data.fingerprint}
        with Pool(min(workers, len(left)), setup) as pool:
            reasons = FinalsLoop(trainings, pool, left, memory_bytes=pool.memory_bytes).run()
    if len(reasons) == len(trainings):
        raise TrainingFailed(f"all {len(trainings)} finals failed: {'; '.join(sorted(set(reasons.values()))[:3])}")
    return [TrainedFinal(each, each.read(), reasons.get(place)) for place, each in enumerate(trainings)]


def best_of(trained: Sequence[TrainedFinal]) -> TrainedFinal:
    """Return the final with the best objective on the validation split, the first of equals."""
    sign = 1 if trained[0].state.objective.direction == "max" else -1
    return max((each for each in trained if not each.reason), key=lambda each: sign * each.state.best.objective)


def _left(trainings: Sequence[FinalTraining]) -> list[int]:
    """Put the checkpoints in their places; return the places of what is not trained to its end, the longest first."""
    states = [training.begin() for training in trainings]
    epochs = [len(state.epochs) for state in states]
    names = [training.name for training in trainings]
    events.listener.finals_started(dict(zip(names, epochs, strict=True)), trainings[0].course.end)
    left = [place for place, training in enumerate(trainings) if not training.course.is_over(states[place])]
    return sorted(left, key=lambda place: epochs[place])
