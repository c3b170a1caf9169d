"""Following a run to its end."""

import pytest

from cluster import runs, waiting
from cluster.errors import ClusterError
from tests.kubeflow.calls import connect, outcome, task, view
from tests.kubeflow.server import PREFIX


def test_each_change_of_a_task_s_state_is_one_line(api, package, capsys):
    api.views = [
        view("RUNNING", task("prepare", "RUNNING")),
        view("RUNNING", task("prepare", "RUNNING")),
        view("SUCCEEDED", task("prepare", "SUCCEEDED")),
    ]
    cluster = connect(api)
    run_id = runs.submit(cluster, package, {}, experiment="clothes")
    capsys.readouterr()

    waiting.wait(cluster, run_id)

    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[2] for line in lines] == [
        "run: RUNNING",
        "prepare: RUNNING",
        "prepare: SUCCEEDED",
        f"{run_id} SUCCEEDED",
    ]


def test_a_server_that_tells_nothing_of_tasks_is_followed_by_the_run_s_own_state(api, package, capsys):
    api.views = [{"state": "PENDING"}, {"state": "RUNNING"}, {"state": "RUNNING"}, {"state": "SUCCEEDED"}]
    cluster = connect(api)
    run_id = runs.submit(cluster, package, {}, experiment="clothes")
    capsys.readouterr()

    waiting.wait(cluster, run_id)

    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["run: PENDING", "run: RUNNING", f"{run_id} SUCCEEDED"]


def test_a_failed_run_names_the_task_and_the_reason(api, package):
    tune = task("tune", "FAILED", error={"code": 2, "message": "no trial finished\nand more"})

    message = outcome(api, package, view("FAILED", task("prepare", "SUCCEEDED"), tune))

    assert "FAILED in tune: no trial finished;" in message


def test_what_kfp_adds_around_a_task_is_not_taken_for_it(api, package):
    driver = task("train-driver", "SUCCEEDED")
    attempt = task("executor(0)", "FAILED", error={"message": "OOMKilled"})
    tasks = [task("root", "FAILED"), driver, task("train", "FAILED"), attempt, task("root-driver", "SUCCEEDED")]

    message = outcome(api, package, view("FAILED", *tasks))

    assert "FAILED in train: OOMKilled;" in message


def test_the_workflow_as_a_whole_is_no_task(api, package):
    workflow = task("fashion-tuner-x7k2p", "FAILED", child_tasks=[{"pod_name": "a"}])

    message = outcome(api, package, view("FAILED", workflow, task("tune", "FAILED")))

    assert "FAILED in tune:" in message


def test_a_run_that_failed_before_its_first_task_says_why(api, package):
    message = outcome(api, package, view("FAILED", error={"message": "no such image"}))

    assert "FAILED: no such image;" in message


def test_a_canceled_run_is_no_success(api, package):
    message = outcome(api, package, view("CANCELING"), view("CANCELED"))

    assert " CANCELED; " in message


def test_a_run_that_never_ends_is_left_going_after_the_time_out(api, package):
    message = outcome(api, package, view("RUNNING", task("tune", "RUNNING")), timeout_s=0.01)

    assert "did not end in 0.01 s (state RUNNING) and goes on: " in message


def test_broken_connections_do_not_end_the_waiting(api, package):
    api.fail("GET", "/runs/", cut=True, times=2)
    api.fail("GET", "/runs/", status=502)
    api.views = [view("RUNNING"), view("SUCCEEDED")]
    cluster = connect(api)

    waiting.wait(cluster, runs.submit(cluster, package, {}, experiment="clothes"))

    assert api.failures[0].times == api.failures[1].times == 0


def test_a_server_that_is_gone_for_good_is_told_from_a_run_that_failed(api, package):
    cluster = connect(api)
    run_id = runs.submit(cluster, package, {}, experiment="clothes")
    api.stop()

    with pytest.raises(ClusterError, match=r"failed 4 times in a row: connection refused.*the run goes on"):
        waiting.wait(cluster, run_id)


def test_a_login_page_in_the_middle_ends_the_waiting(api, package):
    cluster = connect(api)
    run_id = runs.submit(cluster, package, {}, experiment="clothes")
    api.fail("GET", "/runs/", status=200, body="<html>log in</html>")

    with pytest.raises(ClusterError, match=r"most likely to log in; .*; the run goes on: "):
        waiting.wait(cluster, run_id)


def test_a_run_that_was_deleted_is_not_said_to_go_on(api, package):
    cluster = connect(api)
    run_id = runs.submit(cluster, package, {}, experiment="clothes")
    api.runs.clear()

    with pytest.raises(ClusterError, match=f"refused the request \\(404\\): Run {run_id} not found$"):
        waiting.wait(cluster, run_id)


@pytest.mark.parametrize("interruption, status", [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_an_interruption_leaves_the_run_going_and_says_how_to_stop_it(
    api, package, capsys, monkeypatch, interruption, status
):
    def interrupt(_):
        raise interruption

    api.views = [view("RUNNING")]
    cluster = connect(api)
    run_id = runs.submit(cluster, package, {}, experiment="clothes")
    monkeypatch.setattr("cluster.waiting.time.sleep", interrupt)

    with pytest.raises(SystemExit) as caught:
        waiting.wait(cluster, run_id)

    (line,) = capsys.readouterr().err.splitlines()
    assert caught.value.code == status
    assert line.endswith(f"curl -X POST {api.url}{PREFIX}/runs/{run_id}:terminate")
    assert not [path for _, path in api.requests if path.endswith(":terminate")]


def test_when_nobody_reads_the_output_any_more_the_run_is_said_to_go_on(api, package, capsys, monkeypatch):
    def unread(_):
        raise BrokenPipeError

    api.views = [view("RUNNING")]
    cluster = connect(api)
    run_id = runs.submit(cluster, package, {}, experiment="clothes")
    monkeypatch.setattr("cluster.waiting.time.sleep", unread)

    with pytest.raises(BrokenPipeError):
        waiting.wait(cluster, run_id)

    assert f"the run goes on: {api.url}/#/runs/details/{run_id}" in capsys.readouterr().err
