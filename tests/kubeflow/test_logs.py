"""What a step wrote, from a server that serves it as Kubeflow Pipelines 2.17 does."""

import pytest

from cluster import logs, runs, tail, waiting
from cluster.errors import ClusterError
from components.core.errors import InvalidInput
from tests.kubeflow.calls import connect, outcome, task, view

LOG = """I1125 10:00:00.000001      17 launcher_v2.go:151] starting
Traceback (most recent call last):
  File "component.py", line 3, in tune
components.tune.failures.SearchFailed: none of 4 trials came to a result: 4 times it is too large
I1125 10:00:09.000001      17 launcher_v2.go:774] not publishing output
F1125 10:00:09.100001      17 main.go:57] failed to execute component: exit status 1
"""


def failed(step="tune", node="tuner-x-1", **executor):
    children = [{"pod_name": "tuner-x-0"}, {"pod_name": node}]
    attempts = {"task_id": f"{step}-executor", "display_name": "executor", "state": "FAILED", "child_tasks": children}
    return [task(step, "FAILED"), attempts | {"parent_task_id": step} | executor]


def serve(api, run_id="run_id-2", behind_the_interface=False):
    api.logs = {"tuner-x-1": LOG}
    direct = f"/apis/v1alpha1/runs/{run_id}/nodes/tuner-x-1/log"
    api.log_path = "/k8s/pod/logs" if behind_the_interface else direct


@pytest.mark.parametrize("behind_the_interface", [False, True])
@pytest.mark.parametrize("executor", [{}, {"parent_task_id": None}], ids=["parents", "no parents"])
def test_a_failure_s_reason_is_the_last_line_of_the_step_s_last_attempt(behind_the_interface, executor, api, package):
    serve(api, behind_the_interface=behind_the_interface)

    message = outcome(api, package, view("FAILED", task("prepare", "SUCCEEDED"), *failed(**executor)))

    assert "FAILED in tune: components.tune.failures.SearchFailed: none of 4 trials came to a result" in message
    assert "python pipeline.py logs run_id-2 shows more; Retry on its page, or submitting again, goes on" in message


def test_a_log_that_is_gone_is_said_to_be(api, package):
    serve(api)
    api.logs = {}

    assert "FAILED in tune: neither the API nor a log gives a reason" in outcome(
        api, package, view("FAILED", *failed())
    )


def test_a_run_that_was_terminated_is_said_to_be(api, package):
    history = [{"state": "RUNNING"}, {"state": "CANCELING"}, {"state": "FAILED"}]

    assert " was terminated; " in outcome(api, package, view("FAILED", *failed(), state_history=history))


@pytest.fixture
def run(api, package):
    api.views = [view("FAILED", task("prepare", "SUCCEEDED"), *failed())]
    cluster = connect(api)
    run_id = runs.submit(cluster, package, {}, experiment="clothes")
    serve(api, run_id)
    return cluster, run_id


@pytest.mark.parametrize("step", [None, "tune"])
def test_a_log_is_printed_whole(step, run, capsys):
    capsys.readouterr()

    logs.show(*run, step)

    assert capsys.readouterr().out == LOG


def test_a_step_that_the_run_does_not_have_is_refused_with_those_it_has(run):
    with pytest.raises(InvalidInput, match=r"step must be one of run .*, which are prepare, tune, got 'trian'"):
        logs.show(*run, "trian")


def test_a_step_from_the_cache_has_no_log(run):
    with pytest.raises(ClusterError, match=r"prepare of run .* has no log"):
        logs.show(*run, "prepare")


def test_what_a_running_step_tells_is_printed_once_as_it_comes(run, api, capsys):
    cluster, run_id = run
    begun = [{**each, "state": "RUNNING"} for each in failed()]
    api.views = [view("RUNNING", *begun), view("RUNNING", *begun), view("SUCCEEDED", *failed())]
    told = iter(["trial 0 (1 of 4): 0.8100", "trial 1 (2 of 4): 0.8200, best 0.8200 (trial 1)", "final: done"])
    log = ["starting", "I1125 10:00:00.000001 launcher"]

    def one_line_more(described):
        log.append(next(told))
        api.logs = {"tuner-x-1": "\n".join(log)}
        watched(described)

    watched = tail.Tail(cluster, pause_s=0)
    capsys.readouterr()
    waiting.wait(cluster, run_id, at_each_look=one_line_more)

    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert lines == ["trial 0 (1 of 4): 0.8100", "trial 1 (2 of 4): 0.8200, best 0.8200 (trial 1)", "final: done"]
