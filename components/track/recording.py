"""Writes a run to an MLflow server: parameters, metrics by epoch, trials as nested runs, the report and the model."""

import os
import time
from pathlib import Path
from typing import Any

from components.core import events
from components.core.trial import Trial, score
from components.track.facts import Facts

EXPERIMENT = "fashion-tuner"
MARK = "fashion-tuner.run"
PARENT = "mlflow.parentRunId"
NAME = "mlflow.runName"
CODE = Path(__file__).with_name("served_model.py")
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
_LONGEST_VALUE = 6_000


def record(address: str, facts: Facts, model: str, report: str) -> bool:
    """Write a run to a server and return whether it is there.

    A run that was recorded before, by an attempt that was lost, is replaced.

    Args:
        address: of the server.
        facts: what is told of the run.
        model: path of the model artifact.
        report: path of the report.
    """
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        client = mlflow.MlflowClient(address)
        experiment = _experiment(client)
        _remove_earlier(client, experiment, facts.run)
        run_id = _record_run(client, experiment, facts)
        for trial in facts.trials:
            _record_trial(client, experiment, run_id, trial, facts.objective)
        client.log_text(run_id, Path(report).read_text(encoding="utf-8"), "report.html")
        _log_model(address, run_id, facts, model)
        client.set_terminated(run_id)
    except (MlflowException, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        events.warn(f"the run is not recorded in MLflow at {address}: {reason}")
        return False
    events.note(f"recorded in MLflow: {address.rstrip('/')}/#/experiments/{experiment}/runs/{run_id}")
    return True


def _experiment(client: Any) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    return str(found.experiment_id if found else client.create_experiment(EXPERIMENT))


def _remove_earlier(client: Any, experiment: str, run: str) -> None:
    for earlier in client.search_runs([experiment], f"tags.`{MARK}` = '{run}'"):
        client.delete_run(earlier.info.run_id)


def _record_run(client: Any, experiment: str, facts: Facts) -> str:
    from mlflow.entities import Metric, Param

    description = facts.description
    made = client.create_run(experiment, run_name=facts.run, tags={MARK: facts.run})
    told = {
        **description["hyperparameters"],
        "data_source": description["data_source"],
        "data_fingerprint": description["data_fingerprint"],
        "objective": facts.objective,
    }
    now = int(time.time() * 1000)
    figures = [Metric(name, value, now, 0) for name, value in facts.figures.items()]
    by_epoch = [
        Metric(name, value, now, epoch)
        for name, values in facts.curves.items()
        for epoch, value in enumerate(values, start=1)
    ]
    parameters = [Param(name, str(value)[:_LONGEST_VALUE]) for name, value in told.items()]
    _log(client, made.info.run_id, figures + by_epoch, parameters)
    return str(made.info.run_id)


def _record_trial(client: Any, experiment: str, parent: str, trial: Trial, objective: str) -> None:
    from mlflow.entities import Metric, Param

    tags = {PARENT: parent, **({"reason": trial.reason} if trial.reason else {})}
    made = client.create_run(experiment, run_name=f"trial {trial.number}", tags=tags)
    now = int(time.time() * 1000)
    curve = [Metric(f"validation_{objective}", value, now, epoch) for epoch, value in enumerate(trial.curve, start=1)]
    scored = [] if trial.status == "failed" else [Metric("score", score(trial), now, 0)]
    figures = [Metric("seconds", trial.seconds, now, 0), Metric("epochs", trial.epochs, now, 0), *scored, *curve]
    values = [Param(name, str(value)[:_LONGEST_VALUE]) for name, value in trial.hyperparameters.items()]
    _log(client, made.info.run_id, figures, values)
    client.set_terminated(made.info.run_id, "FAILED" if trial.status == "failed" else "FINISHED")


def _log(client: Any, run_id: str, metrics: list[Any], parameters: list[Any]) -> None:
    """Log metrics and parameters, no more at once than a server takes."""
    for start in range(0, max(len(metrics), 1), 900):
        client.log_batch(run_id, metrics=metrics[start : start + 900])
    for start in range(0, len(parameters), 90):
        client.log_batch(run_id, params=parameters[start : start + 90])


def _log_model(address: str, run_id: str, facts: Facts, model: str) -> None:
    """Log the model so that MLflow can serve it: as its files, with the code that loads them in safe mode."""
    import mlflow
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    description = facts.description
    inputs = TensorSpec(np.dtype(description["input_dtype"]), (-1, *description["input_shape"]), "inputs")
    outputs = TensorSpec(np.dtype("float32"), (-1, len(description["class_names"])), "probabilities")
    versions = description["versions"]
    mlflow.set_tracking_uri(address)
    with mlflow.start_run(run_id=run_id):
        mlflow.pyfunc.log_model(
            name="model",
            python_model=str(CODE),
            artifacts={"model": model},
            code_paths=[str(Path(__file__).parents[1])],
            signature=ModelSignature(Schema([inputs]), Schema([outputs])),
            pip_requirements=[f"{name}=={versions[name]}" for name in ("tensorflow", "keras", "numpy")],
        )
