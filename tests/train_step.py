"""The train step called directly, or in a process: `python -m tests.train_step STORE SHORTLIST OUT STATE`."""

import sys
from dataclasses import dataclass
from pathlib import Path

from kfp import dsl

from components.core import artifacts, finalists, models
from components.core.finalists import Finalists
from components.train.component import train
from tests import runs

SEED = 7
VALUES = {
    "hidden_layers": 1,
    "units_0": 64,
    "normalization": "batch",
    "dropout_rate": 0.3,
    "learning_rate": 0.01,
    "flip_images": True,
    "batch_size": 32,
}


@dataclass(frozen=True)
class Trained:
    """What the step left."""

    description: dict
    history: dict
    metrics: dict
    weights: bytes

    @property
    def digits(self):
        """All that must not depend on how the finals were trained."""
        history = {name: value for name, value in self.history.items() if name != "seconds"}
        return self.description, history, self.metrics, self.weights


def call(store, shortlist, folder, **changes):
    """Return what the step leaves in a folder, given a store's training data and a shortlist."""
    given = {"training_data": store / "training_data", "finalists": shortlist}
    inputs = {name: dsl.Artifact(uri=str(path)) for name, path in given.items()}
    outputs = {name: folder / name for name in ("model", "history")}
    metrics = dsl.Metrics(uri=str(folder / "metrics"))
    settings = {"early_stopping_patience": 50, "seed": SEED, "workers": 2, **changes}
    artifacts_out = {name: dsl.Artifact(uri=str(path)) for name, path in outputs.items()}
    train.python_func(**inputs, **artifacts_out, metrics=metrics, **settings)
    weights = runs.weights(outputs["model"] / models.MODEL_FILE)
    description = models.read_description(outputs["model"])
    return Trained(description, artifacts.read_history(outputs["history"]), metrics.metadata, weights)


def write_shortlist(path, n_epochs, finals, checkpoints=None):
    finalists.write(Finalists(n_epochs, finals), checkpoints or [""] * len(finals), path)
    return path


if __name__ == "__main__":
    store, shortlist, out, state = sys.argv[1:]
    call(Path(store), shortlist, Path(out), state_dir=state)
