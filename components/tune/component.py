"""The tune step as a Kubeflow component."""

from kfp import dsl

from components.core.descriptions import described


@dsl.component(base_image="python:3.11-slim-bookworm", target_image="tune")
@described
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
    pods: int,
    dask_scheduler: str,
    worker_timeout_s: int,
    dashboard: bool,
    seed: int,
    warm_start: str = "",
    state_dir: str = "",
) -> None:
    """Search for the hyperparameters with the best objective on the validation split.

    With a `state_dir` the search continues what it holds; without one what an earlier process of this pod left.
    """
    from components.core import artifacts, files, parameters, termination
    from components.experiment import EXPERIMENT
    from components.tune import results
    from components.tune.search import SearchSettings, search
    from components.workers.count import resolve_workers

    termination.exit_on_sigterm("tune")
    checked = parameters.check(
        max_trials=max_trials,
        trial_epochs=trial_epochs,
        training_epochs=training_epochs,
        trial_time_limit_s=trial_time_limit_s,
        stop_trials_early=stop_trials_early,
        workers=workers,
        round_size=round_size,
        finalists=n_finalists,
        time_budget_s=time_budget_s,
        pods=pods,
        dask_scheduler=dask_scheduler,
        worker_timeout_s=worker_timeout_s,
        dashboard=dashboard,
        seed=seed,
    )
    with files.kept_or_temporary(state_dir) as folder:
        checked["workers"] = resolve_workers(workers)
        settings = SearchSettings(**checked, warm_start=warm_start, workers_wanted=workers)
        found = search(EXPERIMENT, training_data.path, settings, folder)
        artifacts.write_best_hyperparameters(found.best.hyperparameters, best_hyperparameters.path)
        results.write_finalists(found, seed, folder, finalists.path)
        results.write_trials(found, folder, trials.path)
    for name, value in results.metrics(found).items():
        metrics.log_metric(name, value)
