"""Whole runs of the command line, each in a process of its own."""

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STEPS_OF_A_RUN = ("prepare", "tune", "train", "evaluate", "promote")
"""Steps of a run that names a registry, and neither a service nor an MLflow server."""

SMALL = {"max_trials": 3, "trial_epochs": 2, "round_size": 3, "finalists": 2, "training_epochs": 3, "seed": 7}
"""Pipeline parameters of a run that ends soon."""


@dataclass(frozen=True)
class Done:
    """A finished process, and the folder that it was to fill."""

    status: int
    stdout: str
    stderr: str
    folder: Path

    @property
    def summary(self):
        return json.loads((self.folder / "summary.json").read_bytes())

    @property
    def weights(self):
        return weights(self.folder / "train" / "model" / "model.keras")


def weights(model_file):
    """Return a saved model's weights as bytes; unlike the rest of the file they hold no date."""
    with zipfile.ZipFile(model_file) as archive:
        return archive.read("model.weights.h5")


def environment(**variables):
    return {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **variables}


def command(*arguments, **options):
    """Return the words of a command line: `seed=7` becomes `--seed 7`."""
    pairs = ((f"--{name.replace('_', '-')}", str(value)) for name, value in options.items())
    return [sys.executable, str(ROOT / "pipeline.py"), *arguments, *(word for pair in pairs for word in pair)]


def local_run(folder, variables=None, cwd=None, **options):
    """Run the pipeline into `folder`, with options as for `command`, and return what it did."""
    words = command("local-run", output_dir=folder, **options)
    done = subprocess.run(words, capture_output=True, text=True, env=environment(**(variables or {})), cwd=cwd)
    return Done(done.returncode, done.stdout, done.stderr, Path(folder))


def without_seconds(trials):
    """Return the trials, as a summary has them, without the one figure that no seed decides."""
    return [{name: value for name, value in trial.items() if name != "seconds"} for trial in trials]
