"""Calls of the cluster's room without pauses, and what a server is made to say."""

import pytest
import yaml

from cluster import connection, runs, schedules, waiting
from cluster.client import Connection, Patience
from cluster.errors import ClusterError
from tests.kubeflow.server import PREFIX

NO_PAUSES = Patience(delays_s=(0, 0, 0), waiting_s=(0, 0, 0), polls_s=(0,))
IMAGE = "registry.example.org/fashion-tuner-prepare:0123456789abcdef"


def write_package(path, image=IMAGE, mounts=()):
    executors = {"exec-prepare": {"container": {"image": image, "command": ["true"]}}}
    tasks = {"prepare": {"componentRef": {"name": "comp-prepare"}, "taskInfo": {"name": "prepare"}}}
    spec = {
        "pipelineInfo": {"name": "fashion-tuner"},
        "root": {"dag": {"tasks": tasks}},
        "components": {"comp-prepare": {"executorLabel": "exec-prepare"}},
        "deploymentSpec": {"executors": executors},
    }
    pods = {"exec-prepare": {"pvcMount": [{"mountPath": mount} for mount in mounts]}}
    platforms = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": pods}}}}
    path.write_text(yaml.safe_dump_all([spec, platforms]))
    return path


def connect(api, **fields):
    return connection.connect(Connection(host=api.url, patience=NO_PAUSES, **fields))


def submit(api, package, **parameters):
    return runs.submit(connect(api), package, parameters, experiment="clothes")


def task(name, state, **fields):
    return {"task_id": name, "display_name": name, "state": state, **fields}


def view(state, *tasks, **fields):
    return {"state": state, "run_details": {"task_details": list(tasks)}, **fields}


def outcome(api, package, *views, **arguments):
    """Return the message with which waiting for a run that looks like this ends."""
    api.views = list(views)
    cluster = connect(api)
    run_id = runs.submit(cluster, package, {}, experiment="clothes")
    with pytest.raises(ClusterError) as caught:
        waiting.wait(cluster, run_id, **arguments)
    return str(caught.value)


def schedule(api, package, cron="0 0 3 * * *", name="nightly"):
    schedules.schedule(connect(api), package, {}, cron, name, experiment="clothes")


def posts(api, path):
    return api.requests.count(("POST", PREFIX + path))
