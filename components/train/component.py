"""The train step as a Kubeflow component."""

from kfp import dsl


@dsl.component(base_image="python:3.11-slim-bookworm", target_image="train")
def train(
    training_data: dsl.Input[dsl.Dataset],
    best_hyperparameters: dsl.Input[dsl.Artifact],
    model: dsl.Output[dsl.Model],
    history: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    epochs: int,
    patience: int,
    seed: int,
    refit: bool = False,
    state_dir: str = "",
):
    """Train the best hyperparameters to convergence and keep the best epoch's weights.

    With `refit` the model is then trained anew, to that epoch, on training and validation images together.
    With a `state_dir` a training that was interrupted goes on after its last finished epoch.
    """
    from components.core import artifacts, models, parameters, termination
    from components.train.fitting import describe, train_best

    termination.exit_on_sigterm("train")
    parameters.check(training_epochs=epochs, early_stopping_patience=patience, seed=seed, refit=refit)
    data = artifacts.read_training_data(training_data.path)
    chosen = artifacts.read_best_hyperparameters(best_hyperparameters.path)
    settings = {"epochs": epochs, "patience": patience, "seed": seed, "refit": refit}
    trained, progress = train_best(chosen, data, **settings, state_dir=state_dir)
    models.write(trained, describe(chosen, data, **settings), model.path)
    artifacts.write_history(progress.history(), history.path)
    metrics.log_metric("validation_accuracy", progress.best.validation_accuracy)
    metrics.log_metric("n_epochs", len(progress.epochs))
    metrics.log_metric("chosen_epoch", progress.best.number)
    metrics.log_metric("seconds_compilation", round(progress.compile_seconds, 2))
