"""Optuna with the project's network in Keras, trained by `fit`: `… DATA SECONDS SEED OUTPUT`."""

from typing import Any

from benchmarks.peers import study
from benchmarks.peers.space import suggest
from benchmarks.peers.task import MAX_EPOCHS, Task


def make_objective(task: Task) -> study.Objective:
    """Return the function that trains an `optuna.Trial` and returns its best validation accuracy."""
    import keras
    import optuna
    import tensorflow as tf

    from benchmarks.peers.keras_network import VALIDATION_BATCH_SIZE, compiled_network

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    (inputs, labels), held_out = task.split("train"), task.split("validation")

    def objective(trial: Any) -> float:
        keras.backend.clear_session()
        values = suggest(trial, task.space)
        model = compiled_network(values, inputs.shape[1], task.n_classes)
        progress = study.Progress(task, trial)

        def report(epoch: int, logs: Any) -> None:
            model.stop_training = progress.is_pruned(epoch + 1, logs["val_accuracy"])

        history = model.fit(
            inputs,
            labels,
            batch_size=values["batch_size"],
            epochs=MAX_EPOCHS,
            validation_data=held_out,
            validation_batch_size=VALIDATION_BATCH_SIZE,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=report)],
            verbose=0,
        )
        if len(history.epoch) < MAX_EPOCHS:
            raise optuna.TrialPruned
        return progress.best

    return objective


if __name__ == "__main__":
    study.search(Task.from_arguments(), make_objective)
