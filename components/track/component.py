"""The track step: the run appears in MLflow, with its trials as nested runs."""

from kfp import dsl

from components.core.descriptions import described


@dsl.component(base_image="python:3.11-slim-bookworm", target_image="track")
@described
def track(
    model: dsl.Input[dsl.Model],
    history: dsl.Input[dsl.Artifact],
    trials: dsl.Input[dsl.Artifact],
    evaluation: dsl.Input[dsl.Artifact],
    report: dsl.Input[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
    mlflow: str,
    run: str,
) -> None:
    """Record the run on an MLflow server; where it can't be reached, say so and let the run succeed."""
    from components.core import parameters, termination
    from components.track import recording
    from components.track.facts import read

    termination.exit_on_sigterm("track")
    parameters.check(mlflow=mlflow)
    facts = read(model.path, history.path, trials.path, evaluation.path, run)
    metrics.log_metric("recorded", int(recording.record(mlflow, facts, model.path, report.path)))
