"""Submitting a run, with the real client against a server on a real socket."""

import json

import pytest

from cluster import runs
from cluster.errors import ClusterError
from cluster.package import read_package
from components.core.errors import InvalidInput
from tests.kubeflow.calls import connect, posts, submit, write_package
from tests.kubeflow.server import PREFIX


def test_a_submitted_run_holds_the_pipeline_and_the_parameters(api, package):
    submit(api, package, seed=7, stop_trials_early=False)

    (run,) = api.runs.values()
    assert run["runtime_config"]["parameters"] == {"seed": 7, "stop_trials_early": False}
    assert run["pipeline_spec"]["pipeline_spec"]["pipelineInfo"]["name"] == "fashion-tuner"
    assert "kubernetes" in run["pipeline_spec"]["platform_spec"]["platforms"]


def test_the_run_s_link_is_printed(api, package, capsys):
    run_id = submit(api, package)

    assert f"{api.url}/#/runs/details/{run_id}" in capsys.readouterr().out


def test_an_experiment_that_does_not_exist_is_made(api, package):
    submit(api, package)

    assert [experiment["display_name"] for experiment in api.experiments.values()] == ["clothes"]


def test_an_experiment_that_exists_is_used(api, package):
    submit(api, package)
    submit(api, package)

    assert len(api.experiments) == 1 and len(api.runs) == 2


def test_an_experiment_that_another_makes_at_the_same_moment_is_used(api, package):
    api.fail("POST", "/experiments", status=409, late=True)

    submit(api, package)

    assert len(api.experiments) == len(api.runs) == 1


def test_name_service_account_and_namespace_reach_the_server(api, package):
    cluster = connect(api, namespace="team")
    runs.submit(cluster, package, {}, experiment="clothes", run_name="first", service_account="runner")

    (run,) = api.runs.values()
    assert (run["display_name"], run["service_account"]) == ("first", "runner")
    assert api.bodies[f"{PREFIX}/experiments"]["namespace"] == "team"


@pytest.mark.parametrize("path", ["/healthz", "/experiments", "/runs"])
def test_an_error_of_the_server_that_passes_is_waited_out(api, package, path):
    api.fail("GET" if path == "/healthz" else "POST", path, status=500, times=2)

    submit(api, package)

    assert len(api.runs) == 1


def test_a_server_that_keeps_failing_is_given_up_with_its_own_reason(api, package):
    api.fail("POST", "/runs", status=503, times=99)

    with pytest.raises(ClusterError, match=r"failed 4 times in a row: status 503 \(scripted failure\)$"):
        submit(api, package)


def test_an_answer_that_is_lost_does_not_start_a_second_run(api, package):
    api.fail("POST", "/runs", cut=True, late=True)

    run_id = submit(api, package)

    assert list(api.runs) == [run_id] and posts(api, "/runs") == 1


def test_a_request_that_is_lost_is_made_again(api, package):
    api.fail("POST", "/runs", cut=True)

    submit(api, package)

    assert len(api.runs) == 1 and posts(api, "/runs") == 2


def test_a_server_without_a_list_of_runs_is_asked_again(api, package):
    api.fail("POST", "/runs", status=500)
    api.fail("GET", "/runs", status=404, body="not here")

    submit(api, package)

    assert len(api.runs) == 1


@pytest.mark.parametrize("image", ["team/prepare", "team/prepare:latest", "registry.example.org:5000/prepare"])
def test_an_image_that_can_change_its_meaning_is_not_submitted(api, tmp_path, image):
    package = read_package(write_package(tmp_path / "pipeline.yaml", image=image))

    with pytest.raises(InvalidInput, match="the cluster's cache knows an image by its name only"):
        submit(api, package)

    assert api.runs == {}


def test_a_path_on_this_machine_is_no_data_source_of_a_cluster(api, package):
    with pytest.raises(InvalidInput, match="data_source must not be a path on this machine"):
        submit(api, package, data_source="/home/me/images")


def test_a_query_which_may_grant_access_is_no_part_of_a_cluster_s_parameters(api, package):
    with pytest.raises(InvalidInput, match=r"data_source must have no query on a cluster.*'https://host/data\?…'"):
        submit(api, package, data_source="https://host/data?sig=secret")


def test_a_data_source_lies_on_the_volume(api, tmp_path):
    package = read_package(write_package(tmp_path / "pipeline.yaml", mounts=["/data"]))

    submit(api, package, data_source="/data/images")
    for elsewhere in ("/elsewhere", "/data/../elsewhere", "/database"):
        with pytest.raises(InvalidInput, match="data_source must lie under /data"):
            submit(api, package, data_source=elsewhere)

    assert len(api.runs) == 1


def test_an_earlier_journal_lies_on_the_state_volume(api, package, tmp_path):
    mounted = read_package(write_package(tmp_path / "mounted.yaml", mounts=["/state"]))

    submit(api, mounted, warm_start="/state/earlier.jsonl")
    with pytest.raises(InvalidInput, match="warm_start must not be a path on this machine"):
        submit(api, package, warm_start="runs/first/state/trials.jsonl")

    assert len(api.runs) == 1


def test_a_parameter_that_breaks_its_rule_reaches_no_server(api, package):
    with pytest.raises(InvalidInput, match="max_trials must be an integer from 1 to 100000, got 0"):
        submit(api, package, max_trials=0)

    assert posts(api, "/runs") == 0


def test_a_file_that_is_no_pipeline_is_refused(tmp_path):
    (tmp_path / "pipeline.yaml").write_text(json.dumps({"kind": "Workflow"}))

    with pytest.raises(InvalidInput, match="package must be a compiled pipeline"):
        read_package(tmp_path / "pipeline.yaml")
