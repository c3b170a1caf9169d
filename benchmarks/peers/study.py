"""An Optuna study by two processes: TPE, and Optuna's pruner of the name Hyperband."""

import multiprocessing
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.peers.task import MAX_EPOCHS, Task

N_PROCESSES = 2

Objective = Callable[[Any], float]


def search(task: Task, make_objective: Callable[[Task], Objective]) -> None:
    """Search until the time is up.

    Args:
        task: what to do.
        make_objective: makes, in each process, the function of an `optuna.Trial` that trains it; of a module's top.
    """
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_work, args=(task, number, make_objective)) for number in range(N_PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(max(abs(process.exitcode or 0) for process in processes))


def _work(task: Task, number: int, make_objective: Callable[[Task], Objective]) -> None:
    """Take part in the study. Each process draws from a seed of its own, or all would try the same."""
    task.end_in_time()
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="peer",
        direction="maximize",
        storage=JournalStorage(JournalFileBackend(str(task.output.with_suffix(".journal")))),
        sampler=optuna.samplers.TPESampler(seed=N_PROCESSES * task.seed + number),
        pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=MAX_EPOCHS),
        load_if_exists=True,
    )
    study.optimize(make_objective(task))


class Progress:
    """Tells of a trial's epochs, and whether they are to be the last.

    Attributes:
        best: the best validation accuracy so far.
    """

    def __init__(self, task: Task, trial: Any) -> None:
        self._task = task
        self._trial = trial
        self.best = 0.0

    def is_pruned(self, epoch: int, accuracy: float) -> bool:
        """Report an epoch, counted from 1, and return whether the trial ends with it."""
        self.best = max(self.best, accuracy)
        self._task.report(self._trial.number, epoch, accuracy)
        self._trial.report(accuracy, epoch)
        return bool(self._trial.should_prune())
