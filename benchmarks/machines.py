"""What the way over machines costs: trainings that only sleep, on machines of this computer; prints a JSON line.

python -m benchmarks.machines N_MACHINES N_STRETCHES SECONDS
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.workload import training_data
from components.machines import bench, worker
from components.machines.connection import VARIABLE
from components.machines.crew import Crew
from components.machines.membership import OwnScheduler, Processes
from components.workers.pool import Event, Finished
from components.workers.stretch import Outcome, Stretch

MACHINE = "machine"


def main(n_machines: int, n_stretches: int, seconds: float) -> None:
    membership = SleepingProcesses(n_machines, 1, OwnScheduler("127.0.0.1"))
    with training_data() as path:
        setup = {"training_data": str(path), "fingerprint": "a benchmark's"}
        with Crew(membership, setup, own_slots=1, n_expected=n_machines) as crew:
            while len(crew.idle) < n_machines:
                crew.wait()
            start = time.perf_counter()
            _run(crew, n_stretches, seconds)
            took = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": took, "ideal": n_stretches * seconds / n_machines, "peak_mb": peak / 1e6}))


def _run(crew: Crew, n_stretches: int, seconds: float) -> None:
    left, n_done = list(range(n_stretches)), 0
    while n_done < n_stretches:
        for slot in crew.idle[: len(left)]:
            crew.assign(slot, Stretch(left.pop(), {"seconds": seconds}, 1, 1, seed=0, checkpoint="none"))
        n_done += sum(isinstance(event, Finished) for event in crew.wait())


@dataclass
class SleepingProcesses(Processes):
    """Worker machines that sleep for as long as a stretch says, in place of training."""

    _command: list[str] = field(default_factory=lambda: [sys.executable, "-m", "benchmarks.machines", MACHINE])

    def _start(self) -> "subprocess.Popen[bytes]":
        given = {**os.environ, VARIABLE: self.scheduler.connection(self.slots).as_text()}
        return subprocess.Popen([*self._command, str(os.getpid())], stdin=subprocess.DEVNULL, env=given)


class SleepingBench(bench.Bench):
    def train(self, stretch: Stretch, tell: Callable[[Event], None]) -> bench.Trained:
        time.sleep(stretch.hyperparameters["seconds"])
        outcome = Outcome("finished", 0.5, [0.5], [0.5], 1)
        return bench.Trained(Finished(stretch.number, 0, stretch.hyperparameters["seconds"], outcome))


def _serve(parent: str) -> None:
    replaced: Any = bench
    replaced.Bench = SleepingBench
    sys.argv[1:] = [parent]
    worker.main()


if __name__ == "__main__":
    if sys.argv[1] == MACHINE:
        _serve(sys.argv[2])
    else:
        main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
