"""What the tune step leaves: the trials' artifact and its metrics."""

import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from components.core import artifacts, journal
from components.tune.search import SearchResult

STATE_FILES = (journal.FILE_NAME, "timeline.jsonl")


@contextlib.contextmanager
def state_folder(state_dir: str) -> Iterator[Path]:
    """Yield the folder for the search's state: the given one, or for an empty name one that ends with the block."""
    if state_dir:
        yield Path(state_dir)
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)


def write_trials(state_dir: Path, path: str) -> None:
    """Copy the journal, and the timeline where there is one, into an artifact."""
    with artifacts.writing(path, "trials") as folder:
        for name in STATE_FILES:
            if (Path(state_dir) / name).exists():
                shutil.copyfile(Path(state_dir) / name, folder / name)


def metrics(found: SearchResult) -> dict[str, float]:
    """Return the step's metrics, by name."""
    counts = Counter(trial.status for trial in found.trials)
    assert found.best.validation_accuracy is not None  # as of any completed trial
    return {
        "validation_accuracy": found.best.validation_accuracy,
        "n_trials": len(found.trials),
        "n_learned_trials": found.n_learned,
        **{f"n_{status}": counts[status] for status in journal.STATUSES},
        **{f"seconds_{name}": value for name, value in found.seconds.items()},
    }
