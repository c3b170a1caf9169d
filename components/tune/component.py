"""The tune step as a Kubeflow component."""

from kfp import dsl


@dsl.component(base_image="python:3.11-slim-bookworm", target_image="tune")
def tune(
    training_data: dsl.Input[dsl.Dataset],
    best_hyperparameters: dsl.Output[dsl.Artifact],
    finalists: dsl.Output[dsl.Artifact],
    trials: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    max_trials: int,
    trial_epochs: int,
    trial_time_limit_s: int,
    stop_trials_early: bool,
    workers: int,
    round_size: int,
    n_finalists: int,
    training_epochs: int,
    time_budget_s: int,
    seed: int,
    warm_start: str = "",
    state_dir: str = "",
) -> None:
    """Search for the hyperparameters with the best objective on the validation split.

    With a `state_dir` the search continues what the folder holds; without one it starts and ends here.
    """
    from components.core import artifacts, journal, parameters, termination
    from components.core.finalists import Final, Finalists, write
    from components.experiment import EXPERIMENT
    from components.tune import results
    from components.tune.search import SearchSettings, search
    from components.tune.worker_count import resolve_workers

    termination.exit_on_sigterm("tune")
    parameters.check(
        round_size=round_size, finalists=n_finalists, training_epochs=training_epochs, time_budget_s=time_budget_s
    )
    checked = parameters.check(
        max_trials=max_trials,
        trial_epochs=trial_epochs,
        trial_time_limit_s=trial_time_limit_s,
        stop_trials_early=stop_trials_early,
        workers=workers,
        seed=seed,
    )
    with results.state_folder(state_dir) as folder:
        checked["workers"] = resolve_workers(workers, folder)
        settings = SearchSettings(**checked, early_stopping_patience=trial_epochs, warm_start=warm_start)
        found = search(EXPERIMENT, training_data.path, settings, folder)
        completed = sorted(
            (trial for trial in found.trials if trial.status == "completed"),
            key=lambda trial: -journal.score(trial, EXPERIMENT.objective.direction),
        )
        finals = [Final(trial.number, seed, trial.hyperparameters) for trial in completed[: n_finalists or 2]]
        write(Finalists(training_epochs, finals), [""] * len(finals), finalists.path)
        artifacts.write_best_hyperparameters(found.best.hyperparameters, best_hyperparameters.path)
        results.write_trials(folder, trials.path)
    for name, value in results.metrics(found).items():
        metrics.log_metric(name, value)
