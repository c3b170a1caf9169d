"""What the tune step leaves: the trials' artifact and its metrics."""

import contextlib
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from components.core import artifacts, journal

STATE_FILES = (journal.FILE_NAME, "timeline.jsonl")


@contextlib.contextmanager
def state_folder(state_dir):
    """Yield the folder for the search's state: the given one, or for an empty name one that ends with the block."""
    if state_dir:
        yield Path(state_dir)
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)


def write_trials(state_dir, path):
    """Copy the journal, and the timeline where there is one, into an artifact."""
    with artifacts.writing(path, "trials") as folder:
        for name in STATE_FILES:
            if (Path(state_dir) / name).exists():
                shutil.copyfile(Path(state_dir) / name, folder / name)


def metrics(found):
    """Return the step's metrics, by name, of a `components.tune.search.SearchResult`."""
    counts = Counter(trial.status for trial in found.trials)
    return {
        "validation_accuracy": found.best.validation_accuracy,
        "n_trials": len(found.trials),
        "n_learned_trials": found.n_learned,
        **{f"n_{status}": counts[status] for status in journal.STATUSES},
        **{f"seconds_{name}": value for name, value in found.seconds.items()},
    }
