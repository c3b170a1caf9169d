"""The command line against a cluster, in a process of its own."""

import os
import signal
import subprocess
import sys

import pytest

from images import contents
from tests import processes
from tests.kubeflow.server import Api

pytestmark = pytest.mark.slow

COMPILE_AND_SUBMIT = ("submit", "--data-source", "synthetic", "--max-trials", "2")


@pytest.fixture
def api():
    with Api() as running:
        yield running


def environment(tmp_path, **variables):
    hidden = ("KFP_", "KF_", "KUBERNETES_", "REGISTRY", "DIGESTS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return {**kept, "HOME": str(tmp_path), **variables}


def run(tmp_path, *arguments, **variables):
    """Return (exit status, standard output, standard error) of the command line."""
    command = (sys.executable, "pipeline.py", *arguments)
    done = subprocess.run(
        command, cwd=contents.ROOT, env=environment(tmp_path, **variables), capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


def test_a_run_that_succeeds_ends_with_0(api, tmp_path):
    status, out, _ = run(tmp_path, *COMPILE_AND_SUBMIT, "--host", api.url, "--experiment", "clothes", "--wait")

    (started,) = api.runs.values()
    assert status == 0
    assert f"{api.url}/#/runs/details/{started['run_id']}" in out
    assert started["runtime_config"]["parameters"] == {"data_source": "synthetic", "max_trials": 2}


def test_a_run_that_fails_ends_with_1_and_one_line(api, tmp_path):
    failed = {"task_id": "1", "display_name": "tune", "state": "FAILED", "error": {"message": "out of memory"}}
    api.views = [{"state": "FAILED", "run_details": {"task_details": [failed]}}]

    status, _, err = run(tmp_path, *COMPILE_AND_SUBMIT, "--wait", KFP_HOST=api.url)

    assert status == 1
    assert "FAILED in tune: out of memory" in err.splitlines()[-1]
    assert "Traceback" not in err


def test_a_token_is_never_shown(api, tmp_path):
    api.token = "right"

    status, out, err = run(tmp_path, *COMPILE_AND_SUBMIT, "--host", api.url, KFP_TOKEN="wrong-but-secret")

    assert status == 1
    assert "does not know us (401)" in err
    assert "wrong-but-secret" not in out + err


def test_nothing_listening_is_one_line(tmp_path):
    status, _, err = run(tmp_path, *COMPILE_AND_SUBMIT, "--host", "http://127.0.0.1:1")

    assert status == 1
    assert "http://127.0.0.1:1 can't be reached: connection refused" in err.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments, rule",
    [
        (("--data-source", "my-data"), "data_source must not be a path on this machine"),
        (
            ("--image", "tune=team/tune:latest"),
            "image must not be tagged latest, got 'team/tune:latest': the cluster's",
        ),
        (("--image", "train=localhost:5000/train"), "image must have a tag or a digest, got 'localhost:5000/train'"),
        (("--image", "team/tune:1"), "image must be STEP=REFERENCE"),
        (("--experiment", " "), "experiment must not be empty"),
        (("--state-volume-claim", "My_Claim"), "state_volume_claim must be a name in Kubernetes"),
        (("--wait-timeout", "5"), "wait_timeout must come with --wait"),
        (("--wait", "--wait-timeout", "nan"), "wait_timeout must be a number of seconds from 0, got nan"),
        (
            ("--image-registry", "https://registry.example.org"),
            "registry must be of the form registry.example.org/team",
        ),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_sent(api, tmp_path, arguments, rule):
    status, out, err = run(tmp_path, "submit", "--host", api.url, *arguments)

    assert status == 2
    assert len(err.splitlines()) == 1 and rule in err
    assert out == "" and api.requests == []


def test_without_a_state_volume_a_submission_says_what_that_means(api, tmp_path):
    _, _, without = run(tmp_path, *COMPILE_AND_SUBMIT, "--host", api.url)
    _, _, kept = run(tmp_path, *COMPILE_AND_SUBMIT, "--host", api.url, "--state-volume-claim", "search")

    assert "--state-volume-claim NAME keeps it" in without
    assert kept == ""


def test_a_pipeline_is_uploaded_once(api, tmp_path):
    first, second = (run(tmp_path, "upload", "--host", api.url) for _ in range(2))

    assert first[0] == second[0] == 0
    assert "is there already, nothing was uploaded" in second[1]


def test_a_schedule_is_made_and_updated(api, tmp_path):
    for hour in ("3", "4"):
        cron = f"0 0 {hour} * * *"
        assert run(tmp_path, "schedule", "--host", api.url, "--cron", cron, "--data-source", "synthetic")[0] == 0

    assert [made["trigger"]["cron_schedule"]["cron"] for made in api.schedules.values()] == ["0 0 4 * * *"]


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_the_run_going(api, tmp_path, number, status):
    api.views = [{"state": "RUNNING", "run_details": {"task_details": [{"display_name": "tune", "state": "RUNNING"}]}}]
    command = (sys.executable, "pipeline.py", *COMPILE_AND_SUBMIT, "--host", api.url, "--wait")
    options = ("--state-volume-claim", "search")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    surroundings = {"cwd": contents.ROOT, "env": environment(tmp_path), "preexec_fn": processes.heed_interrupts}

    with subprocess.Popen((*command, *options), **surroundings, **pipes) as process:
        assert any("tune: RUNNING" in line for line in process.stdout)
        process.send_signal(number)
        _, err = process.communicate()

    assert process.returncode == status
    assert len(err.splitlines()) == 1 and "/runs/run_id-2:terminate" in err
    assert all(method != "DELETE" and ":terminate" not in path for method, path in api.requests)


@pytest.mark.parametrize(("source", "is_cached"), [((), True), (("--data-source", "https://example.org/data"), False)])
def test_what_lies_at_an_address_is_read_again_by_every_run(source, is_cached, api, tmp_path):
    words = [word for word in COMPILE_AND_SUBMIT if word not in ("--data-source", "synthetic")]
    status, _, errors = run(tmp_path, *words, *source, "--host", api.url)

    (started,) = api.runs.values()
    caching = started["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"]["prepare"]["cachingOptions"]
    assert (status, caching.get("enableCache", False)) == (0, is_cached), errors


def test_a_check_of_a_cluster_shows_what_suits_and_ends_with_1_where_something_does_not(api, tmp_path):
    steps = [{"task_id": "1", "display_name": "Prepare the data", "state": "FAILED", "error": {"message": "no disk"}}]
    api.views = [{"state": "FAILED", "run_details": {"task_details": steps}}]

    status, out, err = run(tmp_path, "check", "--host", api.url, "--wait-timeout", "5")

    assert status == 1, err
    lines = [line.split() for line in out.splitlines()]
    assert [line[:4] for line in lines if line[:1] == ["API"]] == [["API", "suits", f"{api.url},", "Kubeflow"]]
    assert ["step", "prepare", "does", "not", "suit", "no", "disk:"] in [line[:7] for line in lines]


@pytest.mark.parametrize(
    "options, message",
    [
        (("--gpus", "1"), "gpus must come with --host"),
        (("--host", "http://127.0.0.1:1", "--max-trials", "3"), "max_trials must not come with --host"),
    ],
)
def test_an_option_of_the_other_kind_of_check_is_refused_by_name(options, message, tmp_path):
    status, _, err = run(tmp_path, "check", *options)

    assert status == 2
    assert message in err.splitlines()[-1]
