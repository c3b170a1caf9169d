"""The pods of a search: what its job says, what it needs to be allowed, and what becomes of it."""

import json

import pytest
from kubernetes import client as api

from components.core.errors import InvalidInput
from components.kube import account
from components.machines import manifest, pods
from components.machines.crew import Crew
from components.machines.manifest import Placement
from tests.kubernetes_server import NAMESPACE, POD, KubernetesServer
from tests.searches import write_training_data


@pytest.fixture
def server(monkeypatch, tmp_path):
    """Return the API server of a pod's surroundings, with the account of one that may do all it needs."""

    def load_incluster_config():
        api.Configuration.set_default(api.Configuration(host=server.address))

    server = KubernetesServer()
    (tmp_path / "namespace").write_text(NAMESPACE)
    monkeypatch.setattr(account, "ACCOUNT", tmp_path)
    monkeypatch.setattr(account.config, "load_incluster_config", load_incluster_config)
    monkeypatch.setenv("KFP_POD_NAME", POD["metadata"]["name"])
    yield server
    server.close()
    api.Configuration.set_default(None)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_training_data(tmp_path_factory.mktemp("data") / "training_data")


def crew(data, n_pods=2, placement=None):
    setup = {"training_data": str(data), "fingerprint": "f"}
    workers = pods.Pods(n_pods, 1, placement or Placement())
    return Crew(workers, setup, own_slots=1, n_expected=n_pods)


def test_the_pods_join_with_the_key_from_a_secret_and_go_with_the_search(server, data):
    with crew(data) as machines:
        assert machines.idle
        (job,), (secret,) = server.jobs.values(), server.secrets.values()
        variable = job["spec"]["template"]["spec"]["containers"][0]["env"][0]
        assert variable["valueFrom"]["secretKeyRef"]["name"] == secret["metadata"]["name"]
        assert "PRIVATE KEY" not in json.dumps(job)

    assert server.jobs == {} and server.secrets == {}


def test_an_account_that_may_make_no_secret_hands_the_key_on_in_the_job(server, data):
    server.denied = {("create", "secrets")}

    with crew(data, n_pods=1) as machines:
        assert machines.idle
        (job,) = server.jobs.values()
        assert "PRIVATE KEY" in job["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"]


def test_what_an_earlier_attempt_has_left_is_removed_first(server, data):
    labels = {manifest.SEARCH_LABEL: "run-7"}
    server.jobs["left"] = {"metadata": {"name": "left", "labels": labels}}
    server.jobs["another-run-s"] = {"metadata": {"name": "another-run-s", "labels": {manifest.SEARCH_LABEL: "run-8"}}}

    with crew(data, n_pods=1):
        assert server.deleted == ["left"]


@pytest.mark.parametrize("denied", [("create", "jobs"), ("delete", "jobs"), ("get", "pods"), ("list", "pods")])
def test_a_right_that_is_missing_is_named_before_anything_is_made(server, data, denied):
    server.denied = {denied}

    with pytest.raises(
        InvalidInput, match=f"may not {' '.join(denied)} in namespace team-a: apply docs/worker-rights"
    ):
        crew(data)

    assert server.jobs == {}


def test_a_job_that_the_server_refuses_is_an_error_with_its_words(server, data):
    server.refusal = 'jobs.batch "x" is forbidden: exceeded quota: pods'

    with pytest.raises(InvalidInput, match=r"pods: the job of 2 workers was refused: jobs.batch .* exceeded quota"):
        crew(data)


def job(placement=None):
    return manifest.job(POD, "main", 3, {"value": "{}"}, placement or Placement())


def test_a_worker_is_what_the_searching_pod_is():
    spec = job()["spec"]["template"]["spec"]
    (container,) = spec["containers"]

    assert container["image"] == "registry.example.org/tune:1"
    assert container["securityContext"] == {"runAsUser": 10001, "runAsNonRoot": True}
    assert container["resources"]["limits"] == {"cpu": "8", "memory": "16Gi"}
    assert spec["nodeSelector"] == {"pool": "cpu"}
    assert spec["tolerations"] == [{"key": "batch", "operator": "Exists"}]
    assert spec["imagePullSecrets"] == [{"name": "registry"}]


def test_a_worker_has_no_part_of_the_search_s_state_and_no_account():
    spec = job()["spec"]["template"]["spec"]

    assert spec["volumes"] == [{"name": "tmp", "emptyDir": {}}]
    assert spec["containers"][0]["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
    assert spec["automountServiceAccountToken"] is False


def test_what_is_said_of_workers_is_in_place_of_the_searching_pod_s():
    placement = Placement(
        resources={"cpu_request": "500m", "memory_limit": "2Gi"},
        node_selector={"pool": "spot"},
        tolerations=[{"key": "spot", "operator": "Exists"}],
        labels={"kueue.x-k8s.io/queue-name": "research"},
    )
    made = job(placement)
    spec = made["spec"]["template"]["spec"]

    assert spec["containers"][0]["resources"] == {
        "requests": {"cpu": "500m", "memory": "4Gi"},
        "limits": {"cpu": "8", "memory": "2Gi"},
    }
    assert (spec["nodeSelector"], spec["tolerations"]) == ({"pool": "spot"}, placement.tolerations)
    assert made["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "research"


def test_the_job_goes_with_the_searching_pod_and_replaces_what_is_taken_from_it():
    made = job()
    spec = made["spec"]

    assert made["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Pod", "name": "run-7-tune-1", "uid": "0f1e"}
    ]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 3, 3)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["activeDeadlineSeconds"] == 86400
    assert [rule["action"] for rule in spec["podFailurePolicy"]["rules"]] == ["Ignore", "Ignore"]
    assert spec["template"]["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"


def test_a_pod_s_waiting_is_told_with_its_reason():
    waiting = api.V1ContainerStateWaiting(reason="ImagePullBackOff", message="not found")
    state = api.V1ContainerState(waiting=waiting)
    status = api.V1ContainerStatus(name="worker", image="x", image_id="", ready=False, restart_count=0, state=state)
    found = [
        api.V1Pod(status=api.V1PodStatus(phase="Running")),
        api.V1Pod(status=api.V1PodStatus(phase="Pending", container_statuses=[status])),
    ]

    assert pods._phases(found, 2, "job") == "1 pending, 1 running (ImagePullBackOff: not found)"
    assert pods._phases(found, 3, "job").endswith("; 1 not made: `kubectl describe job job` says why")
