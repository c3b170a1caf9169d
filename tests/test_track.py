"""A run in MLflow: a real server of the package, asked by its own client."""

import contextlib
import os
import subprocess
import sys
import time

import mlflow
import numpy as np
import pytest
import requests
from kfp import dsl

from components.core import artifacts, journal, models
from components.core.trial import Trial
from components.track.component import track
from tests import model_registry, serving

pytestmark = pytest.mark.slow

TRIALS = [
    Trial(0, "completed", {"units": 8}, 0.8, [0.5, 0.8], 2, 1.5, None),
    Trial(1, "failed", {"units": 9}, None, [], 0, 0.5, "no memory"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("mlflow"), serving.free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/runs.db", "--artifacts-destination", str(folder / "files")]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(f"{address}/health", process)
            yield address
        finally:
            process.terminate()


def _wait(address, process):
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(requests.RequestException):
            if requests.get(address, timeout=5).ok:
                return
        time.sleep(0.2)
    raise RuntimeError("the MLflow server did not start")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a function that records a run on a server, and returns the step's metrics."""
    folder = tmp_path_factory.mktemp("run")
    model_registry.write_model(folder / "model")
    description = models.read_description(folder / "model")
    import keras
    import tensorflow as tf

    versions = {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}
    models.write(models.read(folder / "model"), {**description, "versions": versions}, folder / "described")
    artifacts.write_history(
        {"loss": [1.0, 0.5], "validation_accuracy": [0.7, 0.8], "chosen_epoch": 2}, folder / "history"
    )
    with artifacts.writing(folder / "evaluation", "evaluation") as partial:
        (partial / "evaluation.json").write_text('{"accuracy": 0.81, "loss": 0.5, "macro_f1": 0.8}')
    (folder / "trials").mkdir()
    _write_journal(folder / "trials" / journal.FILE_NAME)
    (folder / "report").write_text("<!DOCTYPE html><title>A report</title>")
    kinds = {"model": dsl.Model, "history": dsl.Artifact, "trials": dsl.Artifact, "evaluation": dsl.Artifact}

    def record(address, name="monday"):
        inputs = {each: kind(uri=str(folder / each)) for each, kind in kinds.items()}
        inputs["model"] = dsl.Model(uri=str(folder / "described"))
        metrics = dsl.Metrics(uri="metrics")
        report = dsl.HTML(uri=str(folder / "report"))
        track.python_func(**inputs, report=report, metrics=metrics, mlflow=address, run=name)
        return metrics.metadata

    return record


def _write_journal(path):
    import json

    header = {"format": journal.FORMAT, "objective": {"name": "accuracy", "direction": "max"}}
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, *(trial.as_dict() for trial in TRIALS))))


def test_a_run_appears_with_curves_trials_report_and_a_model_that_answers(server, run, tmp_path):
    assert run(server) == {"recorded": 1}

    client = mlflow.MlflowClient(server)
    experiment = client.get_experiment_by_name("fashion-tuner").experiment_id
    found = client.search_runs([experiment], "tags.`fashion-tuner.run` = 'monday'")
    (parent,) = found
    assert parent.info.run_name == "monday" and parent.info.status == "FINISHED"
    assert parent.data.params["units"] == "3" and parent.data.metrics["test_accuracy"] == 0.81
    curve = client.get_metric_history(parent.info.run_id, "validation_accuracy")
    assert [(each.step, each.value) for each in curve] == [(1, 0.7), (2, 0.8)]
    nested = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert {each.info.run_name: each.info.status for each in nested} == {"trial 0": "FINISHED", "trial 1": "FAILED"}
    assert "report.html" in [each.path for each in client.list_artifacts(parent.info.run_id)]
    _check_model(server, parent.info.run_id)


def _check_model(server, run_id):
    """Load the model as MLflow does to serve it, in a process without this project's sources."""
    program = (
        "import sys, numpy as np, mlflow; mlflow.set_tracking_uri(sys.argv[1]);"
        "model = mlflow.pyfunc.load_model(f'runs:/{sys.argv[2]}/model');"
        "print(model.predict(np.full((2, 4, 5), 110, 'uint8')).argmax(axis=1).tolist())"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [sys.executable, "-c", program, server, run_id]
    done = subprocess.run(words, cwd="/", env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "[1, 1]", done.stderr


def test_a_run_that_is_recorded_again_is_there_once(server, run):
    run(server, "tuesday")
    run(server, "tuesday")

    client = mlflow.MlflowClient(server)
    experiment = client.get_experiment_by_name("fashion-tuner").experiment_id
    assert len(client.search_runs([experiment], "tags.`fashion-tuner.run` = 'tuesday'")) == 1


def test_a_server_that_can_t_be_reached_lets_the_run_succeed_and_is_named(run, capfd, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

    assert run("http://127.0.0.1:9") == {"recorded": 0}
    assert "warning: the run is not recorded in MLflow at http://127.0.0.1:9: " in capfd.readouterr().err
