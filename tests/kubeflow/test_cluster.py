"""Submitting, following, uploading and scheduling, with the real client against a server on a real socket."""

import datetime
import ipaddress
import json

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cluster import connection as connecting
from cluster import runs as kubeflow
from cluster.connection import ClusterError, Connection, Patience
from components.core.errors import InvalidInput
from tests.kubeflow.server import PREFIX, Api

NO_PAUSES = Patience(delays_s=(0, 0, 0), waiting_s=(0, 0, 0), polls_s=(0,))
IMAGE = "registry.example.org/fashion-tuner-prepare:0123456789abcdef"


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch, tmp_path):
    for name in ("KFP_TOKEN", "KFP_COOKIES", "KF_PIPELINES_SA_TOKEN_PATH", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("kfp.Client._LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))


@pytest.fixture
def api():
    with Api() as running:
        yield running


@pytest.fixture
def package(tmp_path):
    return kubeflow.read_package(write_package(tmp_path / "pipeline.yaml"))


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
    return connecting.connect(Connection(host=api.url, patience=NO_PAUSES, **fields))


def submit(api, package, **parameters):
    return kubeflow.submit(connect(api), package, parameters, experiment="clothes")


def task(name, state, **fields):
    return {"task_id": name, "display_name": name, "state": state, **fields}


def look(state, *tasks, **fields):
    return {"state": state, "run_details": {"task_details": list(tasks)}, **fields}


def outcome(api, package, *looks, **arguments):
    """Return the message with which waiting for a run that looks like this ends."""
    api.looks = list(looks)
    cluster = connect(api)
    run_id = kubeflow.submit(cluster, package, {}, experiment="clothes")
    with pytest.raises(ClusterError) as caught:
        kubeflow.wait(cluster, run_id, **arguments)
    return str(caught.value)


def schedule(api, package, cron="0 0 3 * * *", name="nightly"):
    kubeflow.schedule(connect(api), package, {}, cron, name, experiment="clothes")


def posts(api, path):
    return api.requests.count(("POST", PREFIX + path))


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
    kubeflow.submit(cluster, package, {}, experiment="clothes", run_name="first", service_account="runner")

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


def test_a_refused_connection_is_said_at_once(api):
    api.stop()

    with pytest.raises(ClusterError, match="can't be reached: connection refused"):
        connect(api)


def test_a_request_without_a_token_is_told_how_to_give_one(api):
    api.token = "secret"

    with pytest.raises(ClusterError, match=r"does not know us \(401\); give a token \(--token-file"):
        connect(api)


def test_a_forbidden_request_says_what_the_server_said(api, package):
    api.fail("POST", "/runs", status=403, body='{"code": 7, "message": "team may not"}')

    with pytest.raises(ClusterError, match=r"does not allow this \(403: team may not\)"):
        submit(api, package)


def test_a_server_without_the_api_is_told_from_a_thing_that_is_missing(api):
    api.fail("GET", "/healthz", status=404, body="<html>not here</html>")

    with pytest.raises(ClusterError, match="is no KFP v2 API"):
        connect(api)


def test_a_missing_path_in_the_words_of_kfp_1_is_no_kfp_v2_api_either(api):
    api.fail("GET", "/healthz", status=404, body='{"code": 5, "message": "Not Found"}')

    with pytest.raises(ClusterError, match="is no KFP v2 API"):
        connect(api)


def test_the_words_of_a_proxy_are_passed_on(api, package):
    api.fail("POST", "/runs", status=400, body="no healthy upstream")

    with pytest.raises(ClusterError, match=r"refused the request \(400\): no healthy upstream"):
        submit(api, package)


def test_a_login_page_is_recognized(api):
    api.fail("GET", "/healthz", status=200, body="<html>log in</html>")

    with pytest.raises(ClusterError, match="most likely to log in"):
        connect(api)


def test_many_users_need_a_namespace(api):
    api.multi_user = True

    with pytest.raises(ClusterError, match="--namespace NAME"):
        connect(api)


def test_in_a_cluster_the_namespace_is_the_pod_s_own(api, monkeypatch, tmp_path):
    api.multi_user = True
    (tmp_path / "namespace").write_text("team")
    monkeypatch.setattr("kfp.Client._NAMESPACE_PATH", str(tmp_path / "namespace"))

    assert connect(api).namespace == "team"


def test_a_token_file_is_read_again_for_every_request(api, tmp_path, package):
    token = tmp_path / "token"
    token.write_text("old\n")
    api.token = "old"
    cluster = connect(api, token_file=str(token))
    token.write_text("new\n")
    api.token = "new"

    kubeflow.submit(cluster, package, {}, experiment="clothes")

    assert len(api.runs) == 1


def test_a_token_can_come_from_a_variable(api, monkeypatch):
    api.token = "secret"
    monkeypatch.setenv("KFP_TOKEN", "secret")

    assert connect(api).url == api.url


def test_the_token_of_the_service_account_is_used_in_a_cluster(api, monkeypatch, tmp_path):
    api.token = "mounted"
    (tmp_path / "token").write_text("mounted")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))

    assert connect(api).url == api.url


def test_cookies_come_from_a_file(api, tmp_path):
    (tmp_path / "cookies").write_text("authservice_session=abc\n")

    connect(api, cookies_file=str(tmp_path / "cookies"))

    assert api.headers["Cookie"] == "authservice_session=abc"


def test_a_token_that_is_no_line_of_text_is_refused_without_being_shown(api, tmp_path):
    (tmp_path / "token").write_text("first\nsecond")

    with pytest.raises(InvalidInput, match="must hold one line") as caught:
        connect(api, token_file=str(tmp_path / "token"))

    assert "first" not in str(caught.value)


@pytest.fixture
def own_certificate(tmp_path):
    """A file with a certificate for 127.0.0.1 that has signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "server.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*plain))
    return path


def test_a_certificate_of_ones_own_authority_is_trusted_when_it_is_named(own_certificate):
    with Api(certificate=own_certificate) as api:
        assert connect(api, ca_cert=str(own_certificate)).url == api.url


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(own_certificate):
    with (
        Api(certificate=own_certificate) as api,
        pytest.raises(ClusterError, match="name its authority with --ca-cert"),
    ):
        connect(api)


def test_an_address_without_its_protocol_is_refused():
    with pytest.raises(InvalidInput, match="host must be an http:// or https:// address, got 'localhost:8080'"):
        connecting.connect(Connection(host="localhost:8080"))


def test_the_address_of_a_page_of_the_interface_is_an_address(api):
    assert connecting.connect(Connection(host=f"{api.url}/#/experiments")).url == api.url


def test_a_password_in_the_address_is_refused_without_being_shown():
    with pytest.raises(InvalidInput, match="host must hold no user and no password") as caught:
        connecting.connect(Connection(host="https://me:secret@kubeflow.example.org"))

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["http://", "https://[::1", "http://name:port", "https://:443"])
def test_half_an_address_is_refused(host):
    with pytest.raises(InvalidInput, match="host must be an http:// or https:// address"):
        connecting.connect(Connection(host=host))


def test_outside_a_cluster_a_host_is_needed():
    with pytest.raises(InvalidInput, match="--host URL, or set KFP_HOST"):
        connecting.connect(Connection())


def test_each_change_of_a_task_s_state_is_one_line(api, package, capsys):
    api.looks = [
        look("RUNNING", task("prepare", "RUNNING")),
        look("RUNNING", task("prepare", "RUNNING")),
        look("SUCCEEDED", task("prepare", "SUCCEEDED")),
    ]
    cluster = connect(api)
    run_id = kubeflow.submit(cluster, package, {}, experiment="clothes")
    capsys.readouterr()

    kubeflow.wait(cluster, run_id)

    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[2] for line in lines] == [
        "run: RUNNING",
        "prepare: RUNNING",
        "prepare: SUCCEEDED",
        f"{run_id} SUCCEEDED",
    ]


def test_a_server_that_tells_nothing_of_tasks_is_followed_by_the_run_s_own_state(api, package, capsys):
    api.looks = [{"state": "PENDING"}, {"state": "RUNNING"}, {"state": "RUNNING"}, {"state": "SUCCEEDED"}]
    cluster = connect(api)
    run_id = kubeflow.submit(cluster, package, {}, experiment="clothes")
    capsys.readouterr()

    kubeflow.wait(cluster, run_id)

    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["run: PENDING", "run: RUNNING", f"{run_id} SUCCEEDED"]


def test_a_failed_run_names_the_task_and_the_reason(api, package):
    tune = task("tune", "FAILED", error={"code": 2, "message": "no trial finished\nand more"})

    message = outcome(api, package, look("FAILED", task("prepare", "SUCCEEDED"), tune))

    assert "FAILED in tune: no trial finished;" in message


def test_what_kfp_adds_around_a_task_is_not_taken_for_it(api, package):
    driver = task("train-driver", "SUCCEEDED")
    attempt = task("executor(0)", "FAILED", error={"message": "OOMKilled"})
    tasks = [task("root", "FAILED"), driver, task("train", "FAILED"), attempt, task("root-driver", "SUCCEEDED")]

    message = outcome(api, package, look("FAILED", *tasks))

    assert "FAILED in train: OOMKilled;" in message


def test_the_workflow_as_a_whole_is_no_task(api, package):
    workflow = task("fashion-tuner-x7k2p", "FAILED", child_tasks=[{"pod_name": "a"}])

    message = outcome(api, package, look("FAILED", workflow, task("tune", "FAILED")))

    assert "FAILED in tune:" in message


def test_a_run_that_failed_before_its_first_task_says_why(api, package):
    message = outcome(api, package, look("FAILED", error={"message": "no such image"}))

    assert "FAILED: no such image;" in message


def test_a_canceled_run_is_no_success(api, package):
    message = outcome(api, package, look("CANCELING"), look("CANCELED"))

    assert " CANCELED; " in message


def test_a_run_that_never_ends_is_left_going_after_the_time_out(api, package):
    message = outcome(api, package, look("RUNNING", task("tune", "RUNNING")), timeout_s=0.01)

    assert "did not end in 0.01 s (state RUNNING) and goes on: " in message


def test_broken_connections_do_not_end_the_waiting(api, package):
    api.fail("GET", "/runs/", cut=True, times=2)
    api.fail("GET", "/runs/", status=502)
    api.looks = [look("RUNNING"), look("SUCCEEDED")]
    cluster = connect(api)

    kubeflow.wait(cluster, kubeflow.submit(cluster, package, {}, experiment="clothes"))

    assert api.failures[0].times == api.failures[1].times == 0


def test_a_server_that_is_gone_for_good_is_told_from_a_run_that_failed(api, package):
    cluster = connect(api)
    run_id = kubeflow.submit(cluster, package, {}, experiment="clothes")
    api.stop()

    with pytest.raises(ClusterError, match=r"failed 4 times in a row: connection refused.*the run goes on"):
        kubeflow.wait(cluster, run_id)


def test_a_login_page_in_the_middle_ends_the_waiting(api, package):
    cluster = connect(api)
    run_id = kubeflow.submit(cluster, package, {}, experiment="clothes")
    api.fail("GET", "/runs/", status=200, body="<html>log in</html>")

    with pytest.raises(ClusterError, match=r"most likely to log in; .*; the run goes on: "):
        kubeflow.wait(cluster, run_id)


def test_a_run_that_was_deleted_is_not_said_to_go_on(api, package):
    cluster = connect(api)
    run_id = kubeflow.submit(cluster, package, {}, experiment="clothes")
    api.runs.clear()

    with pytest.raises(ClusterError, match=f"refused the request \\(404\\): Run {run_id} not found$"):
        kubeflow.wait(cluster, run_id)


@pytest.mark.parametrize("interruption, status", [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_an_interruption_leaves_the_run_going_and_says_how_to_stop_it(
    api, package, capsys, monkeypatch, interruption, status
):
    def interrupt(_):
        raise interruption

    api.looks = [look("RUNNING")]
    cluster = connect(api)
    run_id = kubeflow.submit(cluster, package, {}, experiment="clothes")
    monkeypatch.setattr("cluster.runs.time.sleep", interrupt)

    with pytest.raises(SystemExit) as caught:
        kubeflow.wait(cluster, run_id)

    (line,) = capsys.readouterr().err.splitlines()
    assert caught.value.code == status
    assert line.endswith(f"curl -X POST {api.url}{PREFIX}/runs/{run_id}:terminate")
    assert not [path for _, path in api.requests if path.endswith(":terminate")]


def test_the_first_upload_makes_a_pipeline(api, package):
    kubeflow.upload(connect(api), package)

    assert [pipeline["display_name"] for pipeline in api.pipelines.values()] == ["fashion-tuner"]


def test_the_same_content_is_uploaded_once(api, package, capsys):
    kubeflow.upload(connect(api), package)
    kubeflow.upload(connect(api), package)

    assert len(api.versions) == 1
    assert "is there already, nothing was uploaded" in capsys.readouterr().out


def test_other_content_is_a_new_version_named_after_it(api, package, tmp_path):
    other = kubeflow.read_package(write_package(tmp_path / "other.yaml", image=IMAGE.replace("0123", "4567")))
    kubeflow.upload(connect(api), package)
    kubeflow.upload(connect(api), other)
    kubeflow.upload(connect(api), package)
    kubeflow.upload(connect(api), other)

    assert [version["display_name"] for version in api.versions.values()] == ["fashion-tuner", other.version_name]


def test_a_version_is_found_on_a_later_page(api, package, tmp_path):
    for number in range(5):
        other = write_package(tmp_path / f"{number}.yaml", image=f"{IMAGE}{number}")
        kubeflow.upload(connect(api), kubeflow.read_package(other))
    kubeflow.upload(connect(api), kubeflow.read_package(tmp_path / "4.yaml"))

    assert len(api.versions) == 5


def test_a_server_without_lists_of_pipelines_is_uploaded_to(api, package):
    api.fail("GET", "/pipelines", status=404, body="not here", times=99)

    kubeflow.upload(connect(api), package)

    assert len(api.pipelines) == 1


def test_a_server_without_lists_of_versions_is_uploaded_to(api, package):
    kubeflow.upload(connect(api), package)
    api.fail("GET", "/pipelines/", status=404, body="not here", times=99)

    kubeflow.upload(connect(api), package)

    assert posts(api, "/pipelines/upload_version") == 1


def test_an_image_that_can_change_its_meaning_is_not_uploaded(api, tmp_path):
    package = kubeflow.read_package(write_package(tmp_path / "pipeline.yaml", image="team/prepare:latest"))

    with pytest.raises(InvalidInput, match="must not be tagged latest"):
        kubeflow.upload(connect(api), package)


def test_an_upload_whose_answer_is_lost_is_not_made_twice(api, package):
    api.fail("POST", "/pipelines/upload", cut=True, late=True)

    kubeflow.upload(connect(api), package)

    assert posts(api, "/pipelines/upload") == 1


def test_a_schedule_runs_the_pipeline_at_the_times_of_its_expression(api, package):
    schedule(api, package, cron="0 30 2 * * 1-5")

    (made,) = api.schedules.values()
    assert made["trigger"]["cron_schedule"]["cron"] == "0 30 2 * * 1-5"
    assert made["mode"] == "ENABLE"


def test_scheduling_again_replaces_the_schedule_of_the_same_name(api, package):
    schedule(api, package, cron="0 0 3 * * *")
    schedule(api, package, cron="0 0 4 * * *")

    assert [made["trigger"]["cron_schedule"]["cron"] for made in api.schedules.values()] == ["0 0 4 * * *"]


def test_a_schedule_of_another_name_stays(api, package):
    schedule(api, package, name="nightly")
    schedule(api, package, name="weekly")

    assert [made["display_name"] for made in api.schedules.values()] == ["nightly", "weekly"]


def test_a_new_schedule_that_fails_leaves_the_old_one(api, package):
    schedule(api, package, cron="0 0 3 * * *")
    api.fail("POST", "/recurringruns", status=400)

    with pytest.raises(ClusterError, match="refused the request"):
        schedule(api, package, cron="0 0 4 * * *")

    assert [made["trigger"]["cron_schedule"]["cron"] for made in api.schedules.values()] == ["0 0 3 * * *"]


def test_two_schedules_of_one_name_are_not_left_silently(api, package):
    schedule(api, package)
    api.fail("DELETE", "/recurringruns", status=403)

    with pytest.raises(ClusterError, match="schedule nightly is there twice: recurring_run_id-3 is new"):
        schedule(api, package)


def test_scheduling_again_cleans_up_after_a_deletion_that_failed(api, package):
    schedule(api, package)
    api.fail("DELETE", "/recurringruns", status=403)
    with pytest.raises(ClusterError):
        schedule(api, package)

    schedule(api, package)

    assert len(api.schedules) == 1


def test_an_expression_that_is_none_reaches_no_server(api, package):
    with pytest.raises(InvalidInput):
        schedule(api, package, cron="0 3 * * *")

    assert posts(api, "/recurringruns") == 0


@pytest.mark.parametrize("image", ["team/prepare", "team/prepare:latest", "registry.example.org:5000/prepare"])
def test_an_image_that_can_change_its_meaning_is_not_submitted(api, tmp_path, image):
    package = kubeflow.read_package(write_package(tmp_path / "pipeline.yaml", image=image))

    with pytest.raises(InvalidInput, match="the cluster's cache knows an image by its name only"):
        submit(api, package)

    assert api.runs == {}


def test_a_path_on_this_machine_is_no_data_source_of_a_cluster(api, package):
    with pytest.raises(InvalidInput, match="data_source must not be a path on this machine"):
        submit(api, package, data_source="/home/me/images")


def test_a_data_source_lies_on_the_volume(api, tmp_path):
    package = kubeflow.read_package(write_package(tmp_path / "pipeline.yaml", mounts=["/data"]))

    submit(api, package, data_source="/data/images")
    for elsewhere in ("/elsewhere", "/data/../elsewhere", "/database"):
        with pytest.raises(InvalidInput, match="data_source must lie under /data"):
            submit(api, package, data_source=elsewhere)

    assert len(api.runs) == 1


def test_an_earlier_journal_lies_on_the_state_volume(api, package, tmp_path):
    mounted = kubeflow.read_package(write_package(tmp_path / "mounted.yaml", mounts=["/state"]))

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
        kubeflow.read_package(tmp_path / "pipeline.yaml")
