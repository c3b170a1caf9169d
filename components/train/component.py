"""The train step as a Kubeflow component."""

from typing import Any

from kfp import dsl


@dsl.component(base_image="python:3.11-slim-bookworm", target_image="train")
def train(
    training_data: dsl.Input[dsl.Dataset],
    best_hyperparameters: dsl.Input[dsl.Artifact],
    model: dsl.Output[dsl.Model],
    history: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    epochs: int,
    early_stopping_patience: int,
    seed: int,
    refit: bool = False,
    state_dir: str = "",
) -> None:
    """Train the best hyperparameters to convergence and keep the best epoch's weights.

    With `refit` the model is then trained anew, to that epoch, on training and validation images together.
    With a `state_dir` a training that was interrupted goes on after its last finished epoch.
    """
    from components.core import artifacts, models, parameters, termination
    from components.experiment import EXPERIMENT
    from components.train.fitting import describe, train_best

    termination.exit_on_sigterm("train")
    settings: dict[str, Any] = {"early_stopping_patience": early_stopping_patience, "seed": seed, "refit": refit}
    parameters.check(training_epochs=epochs, **settings)
    data = artifacts.read_training_data(training_data.path)
    values = artifacts.read_best_hyperparameters(best_hyperparameters.path)
    trained, state = train_best(EXPERIMENT, values, data, n_epochs=epochs, state_dir=state_dir, **settings)
    models.write(trained, describe(trained, state, values, data, epochs=epochs, **settings), model.path)
    artifacts.write_history(state.history(), history.path)
    metrics.log_metric("validation_accuracy", state.best.validation_accuracy)
    metrics.log_metric("validation_objective", state.best.objective)
    metrics.log_metric("n_epochs", len(state.epochs))
    metrics.log_metric("chosen_epoch", state.best.number)
    metrics.log_metric("seconds_compilation", round(state.compile_seconds, 2))
