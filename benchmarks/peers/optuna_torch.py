"""Optuna with the project's network in PyTorch: `… DATA SECONDS SEED OUTPUT [--recipe plain|ours]`.

The whole data set is one tensor, and a process has one thread.
"""

from typing import Any

from benchmarks.peers import study
from benchmarks.peers.space import suggest
from benchmarks.peers.task import MAX_EPOCHS, Task


def make_objective(task: Task) -> study.Objective:
    """Return the function that trains an `optuna.Trial` and returns its best validation accuracy."""
    import optuna
    import torch

    from benchmarks.peers.torch_network import Training, accuracy, network

    torch.set_num_threads(1)
    inputs, labels, held_out, held_out_labels = (
        torch.from_numpy(array) for name in ("train", "validation") for array in task.split(name)
    )
    recipe = task.fixed if task.recipe == "ours" else {}

    def objective(trial: Any) -> float:
        torch.manual_seed(task.seed)
        values = {**suggest(trial, task.space), **recipe}
        model = network(values, inputs.shape[1], task.n_classes)
        training = Training(model, values, len(inputs), task.input_shape)
        progress = study.Progress(task, trial)
        for epoch in range(1, MAX_EPOCHS + 1):
            training.train_epoch(inputs, labels)
            if progress.is_pruned(epoch, accuracy(model, held_out, held_out_labels)):
                raise optuna.TrialPruned
        return progress.best

    return objective


if __name__ == "__main__":
    study.search(Task.from_arguments(("plain", "ours")), make_objective)
