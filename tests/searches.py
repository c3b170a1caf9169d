"""Searches in processes of their own, which tests watch and end."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from components.core import artifacts, journal
from components.core.data import DatasetInfo, Labelled, TrainingData
from tests import processes
from tests.idx import draw


def write_training_data(path):
    """Write a small `training_data` artifact, of three classes, and return its path."""
    splits = [Labelled(*draw(n_images, seed=n_images)) for n_images in (300, 90)]
    info = DatasetInfo("drawn", ("a", "b", "c"), (6, 4))
    artifacts.write_training_data(TrainingData(*splits, info, ""), path)
    return path


@dataclass
class Search:
    """Searches on one state folder, one process after the other, all with one mark."""

    source: Path
    training_data: Path
    state_dir: Path
    settings: dict
    mark: str

    def start(self):
        words = [sys.executable, "-m", "tests.search_process", str(self.training_data), str(self.state_dir)]
        environment = {**os.environ, "PYTHONPATH": str(self.source), processes.MARK: self.mark}
        with open(self.state_dir.with_suffix(".log"), "ab") as log:
            return subprocess.Popen(
                [*words, json.dumps(self.settings)],
                cwd=self.source,
                env=environment,
                start_new_session=True,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def trials(self):
        path = self.state_dir / journal.FILE_NAME
        return journal.read(path).trials if path.exists() else []

    def log(self):
        return self.state_dir.with_suffix(".log").read_text()

    def run(self):
        process = self.start()
        assert process.wait() == 0, self.log()
        return self.result()

    def result(self):
        """Return the header, the rounds and the trials by number, without seconds, as text in which NaN would show."""
        path = self.state_dir / journal.FILE_NAME
        found = journal.read(path)
        trials = [{**trial.as_dict(), "seconds": 0} for trial in journal.in_order(found.trials)]
        return path.read_text().splitlines()[0], json.dumps(found.rounds), json.dumps(trials)
