"""What the tune step leaves: the trials' artifact and its metrics."""

import json
import shutil
from collections import Counter
from pathlib import Path

from components.core import artifacts, journal
from components.core.finalists import Final, Finalists, write
from components.tune.planning import weights_path
from components.tune.search import TIMELINE, SearchResult


def write_trials(found: SearchResult, state_dir: Path, path: str) -> None:
    """Write the header and a line a trial, and the timeline, into an artifact."""
    header = journal.read(state_dir / journal.FILE_NAME).header
    with artifacts.writing(path, "trials") as folder:
        lines = [{**header, "plan": found.plan.as_dict()}, *(trial.as_dict() for trial in found.trials)]
        text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)
        (folder / journal.FILE_NAME).write_text(text)
        if (state_dir / TIMELINE).exists():
            shutil.copyfile(state_dir / TIMELINE, folder / TIMELINE)


def write_finalists(found: SearchResult, seed: int, state_dir: Path, path: str) -> None:
    """Write the finals: each finalist goes on from its weights; what is left of them repeats it with other seeds."""
    plan = found.plan
    chosen = [found.finalists[index % len(found.finalists)] for index in range(plan.finals)]
    seeds = [(seed + index // len(found.finalists)) % 2**32 for index in range(plan.finals)]
    finals = [
        Final(trial.number, own, trial.hyperparameters, trial.epochs if own == seed else 0)
        for trial, own in zip(chosen, seeds, strict=True)
    ]
    checkpoints = [weights_path(state_dir, final.number) if final.epochs else "" for final in finals]
    write(Finalists(plan.training_epochs, finals), checkpoints, path)


def metrics(found: SearchResult) -> dict[str, float]:
    """Return the step's metrics, by name."""
    counts = Counter(trial.status for trial in found.trials)
    assert found.best.validation_accuracy is not None  # as of any trial that has a score
    return {
        "validation_accuracy": found.best.validation_accuracy,
        "n_trials": len(found.trials),
        "n_epochs": sum(trial.epochs for trial in found.trials),
        "n_learned_trials": found.n_learned,
        **{f"n_{status}": counts[status] for status in journal.STATUSES},
        **{f"seconds_{name}": value for name, value in found.seconds.items()},
    }
