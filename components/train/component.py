"""The train step as a Kubeflow component."""

from kfp import dsl

from components.core.descriptions import described


@dsl.component(base_image="python:3.11-slim-bookworm", target_image="train")
@described
def train(
    training_data: dsl.Input[dsl.Dataset],
    finalists: dsl.Input[dsl.Artifact],
    model: dsl.Output[dsl.Model],
    history: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    early_stopping_patience: int,
    seed: int,
    workers: int,
    refit: bool = False,
    state_dir: str = "",
) -> None:
    """Train the finalists to the end side by side and keep the best, with its best epoch's weights.

    With `refit` the model is then trained anew, to that epoch, on training and validation images together.
    Trainings that were interrupted go on after their last finished epochs: with a `state_dir` those of its folder,
    without one those that an earlier process of this pod left.
    """
    from components.core import artifacts, files, models, parameters, termination
    from components.experiment import EXPERIMENT
    from components.train import results
    from components.train.finals import best_of, final_trainings, train_finals
    from components.train.fitting import model_of, refitted
    from components.workers.count import resolve_workers

    termination.exit_on_sigterm("train")
    parameters.check(early_stopping_patience=early_stopping_patience, seed=seed, workers=workers, refit=refit)
    data = artifacts.read_training_data(training_data.path)
    with files.kept_or_temporary(state_dir) as folder:
        trainings = final_trainings(EXPERIMENT, data, finalists.path, folder / "finals", early_stopping_patience)
        trained = train_finals(trainings, training_data.path, resolve_workers(workers))
        winner = best_of(trained)
        best_model = refitted(winner) if refit else model_of(winner)
    settings = {"early_stopping_patience": early_stopping_patience, "seed": seed, "refit": refit}
    models.write(best_model, results.describe(best_model, winner, trained, **settings), model.path)
    artifacts.write_history(results.history(winner, trained), history.path)
    for name, value in results.metrics(winner, trained).items():
        metrics.log_metric(name, value)
