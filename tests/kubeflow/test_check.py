"""What `check --host` finds of a cluster that suits, and of some that don't."""

from dataclasses import replace

import pytest

import pipeline
from cluster import check
from cluster.client import Connection
from cluster.options import ClusterOptions
from components.steps import STEPS
from tests.kubeflow.calls import NO_PAUSES, task, view
from tests.kubeflow.server import PREFIX

OPTIONS = ClusterOptions(
    images={name: f"registry.example.org/{name}:0123" for name in STEPS}, state_volume_claim="state"
)
LOG = "I1125 10:00:00.000001 17 launcher.go] starting\nworker 0 on GPU-1\n{}2 configurations, 1 epoch\n"
CONTINUED = "continuing the search after 2 trials, 2 of about 3 epochs\n"
WELL = LOG.format(CONTINUED)


def steps(**states):
    """Return the tasks of a run whose steps have succeeded but for those that are named."""
    return [task(STEPS[name].title, states.get(name, "SUCCEEDED")) for name in check.REACHED] + [
        {
            "task_id": f"{name}-executor",
            "display_name": "executor",
            "parent_task_id": STEPS[name].title,
            "state": states.get(name, "SUCCEEDED"),
            "child_tasks": [{"pod_name": f"{name}-0"}],
        }
        for name in check.REACHED
    ]


@pytest.fixture
def found(api):
    """Return a function that checks the server and returns what was found by subject, as (suits, text)."""

    def found(options=OPTIONS, log=WELL, **parameters):
        api.log_path, api.logs = "/apis/v1alpha1/runs/[^/]+/nodes/tune-0/log", {"tune-0": log}
        connection = Connection(host=api.url, patience=NO_PAUSES)
        findings = check.check(connection, pipeline.build, options, parameters, "runner", limit_s=0.01)
        return {each.subject: (each.suits, f"{each.said} {each.way_out}") for each in findings}

    return found


def test_a_cluster_that_suits_does_in_all_and_is_left_as_it_was(api, found):
    api.views = [view("SUCCEEDED", *steps())]

    everything = found(replace(OPTIONS, gpus=1))

    assert {suits for suits, _ in everything.values()} == {True}
    assert set(everything) == {
        *("API", "rights", "runs", "GPU", "state volume", "state folder", "clean-up"),
        *(f"step {name}" for name in check.REACHED),
    }
    assert "Kubeflow Pipelines 2.17.0" in everything["API"][1]
    assert "continuing the search after 2 trials" in everything["state volume"][1]
    assert (api.runs, api.experiments) == ({}, {})


def test_both_runs_are_of_one_search_and_the_third_removes_its_folder(api, found):
    api.views = [view("SUCCEEDED", *steps())]
    made = []
    create = api.create_run
    api.create_run = lambda query, body: (made.append(body), create(query, body))[1]

    found(pods=1)

    first, second, removal = made
    assert first["pipeline_spec"] == second["pipeline_spec"]
    parameters = [each["runtime_config"]["parameters"] for each in (first, second)]
    assert [each["max_trials"] for each in parameters] == [2, 3]
    assert all(each["pods"] == 1 and each["data_source"] == "synthetic" for each in parameters)
    (executor,) = removal["pipeline_spec"]["pipeline_spec"]["deploymentSpec"]["executors"].values()
    *command, folder = executor["container"]["command"]
    assert command == ["rm", "-rf"]
    state_dirs = str(first["pipeline_spec"])
    assert folder.startswith("/state/check-") and folder in state_dirs
    assert {each["service_account"] for each in made} == {"runner"}


def test_a_volume_that_another_pod_does_not_go_on_from_is_said(api, found):
    api.views = [view("SUCCEEDED", *steps())]

    suits, said = found(log=LOG.format(""))["state volume"]

    assert not suits
    assert "another pod did not go on" in said and "ReadWriteMany" in said


def test_a_gpu_that_was_asked_for_and_is_not_there_is_said(api, found):
    api.views = [view("SUCCEEDED", *steps())]

    suits, said = found(replace(OPTIONS, gpus=1), log=CONTINUED)["GPU"]

    assert not suits
    assert "GPU=1" in said


def test_a_step_that_fails_is_named_with_its_reason_and_what_follows_is_not_tried(api, found):
    states = {"tune": "FAILED", "train": None, "evaluate": None}
    api.views = [view("FAILED", *steps(**states))]

    everything = found(log="PermissionError: [Errno 13] Permission denied: '/state/check-1'\n")

    assert everything["step prepare"][0] is True
    assert everything["step tune"][0] is False
    assert "Permission denied: '/state/check-1'" in everything["step tune"][1]
    assert (everything["step train"][0], everything["state volume"][0]) == (None, None)
    assert (api.runs, api.experiments) == ({}, {})


def test_a_pod_that_does_not_start_in_time_is_said_with_what_to_look_at(api, found):
    api.views = [view("RUNNING", task(STEPS["prepare"].title, "PENDING"))]

    suits, said = found(replace(OPTIONS, state_volume_claim=None))["step prepare"]

    assert not suits
    assert "kubectl describe pod" in said and "--image-pull-secret" in said
    assert ("POST", f"{PREFIX}/runs/run_id-2:terminate") in api.requests
    assert api.runs == {}


def test_the_volume_of_a_run_that_does_not_end_is_left_alone_and_what_may_be_on_it_is_named(api, found):
    api.views = [view("RUNNING", task(STEPS["prepare"].title, "PENDING"))]

    everything = found()

    assert everything["state volume"][0] is None and "check-" in everything["state volume"][1]
    assert "state folder" not in everything
    assert api.requests.count(("POST", f"{PREFIX}/runs")) == 1


def test_a_server_that_lets_nobody_in_is_one_finding(api, found):
    api.token = "another"

    everything = found()

    assert list(everything) == ["API"]
    assert "(401)" in everything["API"][1]


def test_an_experiment_that_may_not_be_made_ends_the_check(api, found):
    api.fail("POST", "/experiments", status=403, body='{"code": 7, "message": "not in this namespace"}')

    everything = found()

    assert everything["rights"][0] is False
    assert "not in this namespace" in everything["rights"][1]


def test_what_can_not_be_deleted_is_named(api, found):
    api.views = [view("SUCCEEDED", *steps())]
    api.fail("DELETE", "/experiments", status=403, body='{"code": 7, "message": "only an admin"}')

    suits, said = found()["clean-up"]

    assert not suits
    assert "only an admin" in said
