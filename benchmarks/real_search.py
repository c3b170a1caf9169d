"""One real search, and the peak memory of its processes; prints one JSON line.

python -m benchmarks.real_search TRAINING_DATA N_TRIALS EPOCHS N_WORKERS
"""

import json
import sys
import tempfile
import threading
import time

import psutil

from components.core import events
from components.core.experiment import ACCURACY, Metric
from components.core.trial import Trial
from components.experiment import EXPERIMENT
from components.tune.search import SearchSettings, search

SAMPLE_S = 0.1


class _Memory(events.PlainLines):
    """Watches the resident memory of this process and of its workers while trials finish."""

    def __init__(self) -> None:
        self.peaks = {"parent": 0, "worker": 0}
        self.by_trials: list[dict[str, int]] = []
        threading.Thread(target=self._watch, daemon=True).start()

    def note(self, text: str) -> None:
        pass

    def stretch_finished(
        self, trial: Trial, best: Trial | None, n_started: int, max_trials: int, objective: Metric = ACCURACY
    ) -> None:
        self.by_trials.append(dict(self.peaks))
        self.peaks = {"parent": 0, "worker": 0}

    def _watch(self) -> None:
        own = psutil.Process()
        while True:
            self._raise_to("parent", own)
            for worker in own.children(recursive=True):
                self._raise_to("worker", worker)
            time.sleep(SAMPLE_S)

    def _raise_to(self, kind: str, process: psutil.Process) -> None:
        try:
            self.peaks[kind] = max(self.peaks[kind], process.memory_info().rss // 2**20)
        except psutil.NoSuchProcess:
            return


def main(path: str, n_trials: int, epochs: int, workers: int) -> None:
    events.listener = memory = _Memory()
    settings = SearchSettings(
        max_trials=n_trials,
        trial_epochs=epochs,
        training_epochs=epochs,
        stop_trials_early=False,
        round_size=0,
        finalists=1,
        workers=workers,
        seed=1,
    )
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as state:
        found = search(EXPERIMENT, path, settings, state)
    print(json.dumps({"seconds": time.perf_counter() - start, "parts": found.seconds, "memory": memory.by_trials}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
