"""The deploy step against an API server that answers as the real one does, and a service that answers, or does not."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from kfp import dsl
from kubernetes import client as api

from components.core.errors import InvalidInput
from components.deploy import deployment, manifests, objects
from components.deploy.component import deploy
from components.deploy.deployment import NotDeployed
from components.deploy.manifests import Wanted
from components.deploy.placement import VARIABLE, Placement
from components.kube import account
from components.registry import champion, examples, versions
from components.registry.store import open_store
from tests import model_registry, serving
from tests.kubernetes_server import NAMESPACE, KubernetesServer

KIND = "inferenceservices"
PLACEMENT = {"image": "registry.example.org/serve:1", "secret": "models", "user_id": 10001}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registry")
    store = open_store(str(folder / "models"))
    model_registry.register(store, folder / "first", wrong=[2])
    model_registry.register(store, folder / "second", run="run-2")
    return str(folder / "models")


@pytest.fixture
def server(monkeypatch, tmp_path):
    """Return the API server of the namespace that the step's pod is in."""

    def load_incluster_config():
        api.Configuration.set_default(api.Configuration(host=server.address))

    server = KubernetesServer()
    (tmp_path / "namespace").write_text(NAMESPACE)
    monkeypatch.setattr(account, "ACCOUNT", tmp_path)
    monkeypatch.setattr(account.config, "load_incluster_config", load_incluster_config)
    monkeypatch.setattr(deployment, "LOOK_S", 0.05)
    monkeypatch.setenv(VARIABLE, json.dumps(PLACEMENT))
    yield server
    server.close()
    api.Configuration.set_default(None)


class Service:
    """What answers at the service's address: the versions in turn, each with its own probabilities plus an error."""

    def __init__(self, place, *answering, error=0.0, status=200):
        store = open_store(place)
        self.answering, self.error, self.status, self.n_asked = list(answering), error, status, 0
        self.known = {}
        for version in versions.read_all(store):
            with versions.fetched(store, version, examples.FILE) as path:
                self.known[version.number] = examples.read(path)
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["instances"]
                body = json.dumps(service.answer(np.array(asked))).encode()
                self.send_response(service.status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()

    def answer(self, inputs):
        version = self.answering[min(self.n_asked, len(self.answering) - 1)]
        self.n_asked += 1
        known = self.known[version]
        places = [next(at for at, one in enumerate(known.inputs) if (one == each).all()) for each in inputs]
        rows = (known.probabilities[places] + self.error).tolist()
        names = [model_registry.NAMES[at] for at in known.probabilities[places].argmax(axis=1)]
        predictions = [{"label": name, "probabilities": row} for name, row in zip(names, rows, strict=True)]
        return {"predictions": predictions, "model_version": str(version), "error": "not now"}


def ready(address, is_ready=True, message="revision is not ready"):
    """Return a controller that says of each InferenceService whether it is ready."""

    def status_of(plural, found):
        status = "True" if is_ready else "False"
        conditions = [{"type": "Ready", "status": status, **({} if is_ready else {"message": message})}]
        return {"observedGeneration": found["metadata"]["generation"], "conditions": conditions, "url": address}

    return status_of


@pytest.fixture
def step(place, tmp_path):
    """Return a function that runs the step, and returns its metrics."""

    def run(**parameters):
        metrics = dsl.Metrics(uri=str(tmp_path / "metrics"))
        wanted = {"registry": place, "inference_service": "clothes", "ready_timeout_s": 10, **parameters}
        deploy.python_func(metrics=metrics, **wanted)
        return metrics.metadata

    return run


def test_a_service_is_made_and_asked_about_the_version_in_service(server, step, place):
    with Service(place, 2) as service:
        server.objects.status_of = ready(service.address)

        assert step() == {"deployed_version": 2}

    found = server.objects.object(KIND, "clothes")
    (container,) = found["spec"]["predictor"]["containers"]
    assert found["metadata"]["annotations"][manifests.VERSION] == "2"
    assert container["args"][:4] == ["--registry", place, "--version", "2"]
    assert container["image"] == PLACEMENT["image"] and container["envFrom"] == [{"secretRef": {"name": "models"}}]
    assert server.objects.managers[KIND, "clothes"] == objects.MANAGER


def test_what_others_have_set_stays_and_ours_follow_a_rollback(server, step, place):
    theirs = {"metadata": {"name": "clothes"}, "spec": {"predictor": {"minReplicas": 3}}}
    server.objects.put(KIND, theirs)
    with Service(place, 2, 2, 2, 2, 1) as service:
        server.objects.status_of = ready(service.address)
        step()
        store = open_store(place)
        champion.rollback(store, 1, "a test")
        try:
            assert step() == {"deployed_version": 1}
        finally:
            champion.rollback(store, 2, "a test")

    found = server.objects.object(KIND, "clothes")
    assert found["spec"]["predictor"]["minReplicas"] == 3
    assert found["metadata"]["annotations"][manifests.VERSION] == "1"


@pytest.fixture
def version_1(server, step, place):
    """Have version 1 behind the service, and return the service as it is then."""
    store = open_store(place)
    champion.rollback(store, 1, "a test")
    with Service(place, 1) as service:
        server.objects.status_of = ready(service.address)
        step()
    champion.rollback(store, 2, "a test")
    return server.objects.object(KIND, "clothes")


def unchanged(server, before):
    after = server.objects.object(KIND, "clothes")
    return {**after, "metadata": {**after["metadata"], "generation": 0}} == {
        **before,
        "metadata": {**before["metadata"], "generation": 0},
    }


def test_one_that_answers_otherwise_goes_back_to_what_was_there(server, step, place, version_1):
    with Service(place, 2, error=0.01) as service:
        server.objects.status_of = ready(service.address)

        with pytest.raises(NotDeployed, match=r"clothes is as it was: version 2 must answer .* differs by 0\.01"):
            step()

    assert unchanged(server, version_1)


def test_one_that_is_not_ready_in_time_goes_back_and_says_what_the_cluster_said(server, step, version_1):
    server.objects.status_of = ready("http://127.0.0.1:9", is_ready=False)

    with pytest.raises(NotDeployed, match="not ready after 10 s: Ready False: revision is not ready"):
        step()

    assert unchanged(server, version_1)


def test_one_that_was_not_there_is_removed_again(server, step, place):
    with Service(place, 2, status=400) as service:
        server.objects.status_of = ready(service.address)

        with pytest.raises(NotDeployed, match=r"clothes is not there, as before: .* answers 400: not now"):
            step()

    assert server.objects.object(KIND, "clothes") is None


def test_a_service_that_answers_503_at_first_is_waited_for(server, step, place):
    with Service(place, 2, status=503) as service:
        server.objects.status_of = ready(service.address)
        threading.Timer(1, lambda: setattr(service, "status", 200)).start()

        assert step() == {"deployed_version": 2}


def test_a_canary_is_asked_until_the_new_version_answers(server, step, place, version_1):
    with Service(place, *[1] * 20, 2) as service:
        server.objects.status_of = ready(service.address)

        assert step(canary_percent=10) == {"deployed_version": 2}

    assert server.objects.object(KIND, "clothes")["spec"]["predictor"]["canaryTrafficPercent"] == 10


REFUSALS = {
    "forbidden": (lambda server: server.denied.add(("patch", KIND)), InvalidInput, "may not patch inferenceservices"),
    "unknown kind": (lambda server: server.objects.unknown.add(KIND), objects.Refused, "install KServe, or give"),
    "webhook": (
        lambda server: setattr(server.objects, "webhook", "no tail"),
        NotDeployed,
        "denied the request: no tail",
    ),
    "conflict": (
        lambda server: server.objects.conflicts.add(KIND),
        NotDeployed,
        'conflict with "kubectl-edit": .*give',
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_refused_is_said_in_a_line_and_changes_nothing(server, step, name, version_1):
    break_it, kind, message = REFUSALS[name]
    break_it(server)

    with pytest.raises(kind, match=message) as error:
        step()

    assert "\n" not in str(error.value)
    assert unchanged(server, version_1)


def test_an_api_server_that_is_away_for_a_while_takes_nothing_back(server, step, place, monkeypatch):
    call, failing = objects._call, iter([False, False, True, True])

    def away(method, path, *rest):
        if method == "GET" and next(failing, False):
            raise objects.Unreachable("the Kubernetes API can't be reached: connection refused")
        return call(method, path, *rest)

    monkeypatch.setattr(objects, "_call", away)
    with Service(place, 2) as service:
        server.objects.status_of = ready(service.address)

        assert step() == {"deployed_version": 2}


def test_an_api_server_that_is_not_there_is_said_in_a_line(server, step):
    api.Configuration.set_default(api.Configuration(host="http://127.0.0.1:9"))
    server.close()

    with pytest.raises(objects.Unreachable, match="the Kubernetes API can't be reached") as error:
        step()
    assert "\n" not in str(error.value)


def test_a_missing_right_names_the_file_that_gives_it(server, step):
    server.denied = {("create", KIND)}

    with pytest.raises(
        InvalidInput, match=r"may not create inferenceservices\.serving\.kserve\.io in team-a: apply docs/"
    ):
        step()


def test_without_kserve_it_is_a_deployment_with_a_service(server, step, place, monkeypatch):
    with Service(place, 2) as service:
        monkeypatch.setattr(
            deployment.readiness, "of_deployment", lambda found, namespace: _ready_deployment(found, service.address)
        )

        assert step(deployment=True) == {"deployed_version": 2}

    made, in_front = (server.objects.object(plural, "clothes") for plural in ("deployments", "services"))
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert in_front["spec"]["selector"] == labels == made["spec"]["selector"]["matchLabels"]
    assert "replicas" not in made["spec"]


def _ready_deployment(found, address):
    return deployment.readiness.State(True, "", address)


@pytest.mark.parametrize(
    ("status", "is_ready"),
    [
        ({}, False),
        ({"observedGeneration": 4, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}, False),
        ({"observedGeneration": 5, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 2}, False),
        ({"observedGeneration": 5, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}, False),
        ({"observedGeneration": 5, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}, True),
    ],
)
def test_a_deployment_is_ready_when_all_pods_are_of_the_new_version(status, is_ready):
    found = {"metadata": {"name": "clothes", "generation": 5}, "spec": {"replicas": 2}, "status": status}

    assert deployment.readiness.of_deployment(found, "team-a").is_ready is is_ready


def test_an_older_state_of_an_inference_service_is_not_taken_for_the_new_one():
    status = {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}
    found = {"metadata": {"generation": 2}, "status": status}

    assert not deployment.readiness.of_inference_service(found).is_ready


def test_a_run_on_this_machine_does_not_deploy(step, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)

    with pytest.raises(InvalidInput, match=r"inference_service must be empty in a run on this machine; .* deploy"):
        step()


def test_a_registry_with_nothing_in_service_is_refused(server, step, tmp_path):
    with pytest.raises(InvalidInput, match="must have a version in service"):
        step(registry=str(tmp_path / "empty"))


def test_fields_go_back_by_name_and_those_that_were_not_there_go_away():
    before = {
        "metadata": {"name": "a", "uid": "7", "annotations": {"x": "1"}},
        "spec": {"containers": [{"name": "other"}, {"name": "ours", "image": "old", "extra": 1}]},
    }
    wanted = manifests.service(Wanted("a", "r", 2, Placement("i")))
    wanted = {
        **wanted,
        "metadata": {"name": "a", "annotations": {"x": "2", "y": "3"}},
        "spec": {"containers": [{"name": "ours", "image": "new", "args": []}]},
    }

    assert objects.ours(before, wanted) == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "annotations": {"x": "1"}},
        "spec": {"containers": [{"name": "ours", "image": "old"}]},
    }


@pytest.mark.slow
def test_the_real_server_answers_as_the_step_expects(server, step, place):
    """The container's own words start the server, as a kubelet would."""
    with serving.serving("--registry", place, "--version", 2, "--name", "clothes") as running:
        server.objects.status_of = ready(running.address)

        assert step() == {"deployed_version": 2}
    container = server.objects.object(KIND, "clothes")["spec"]["predictor"]["containers"][0]
    assert container["args"][4:6] == ["--name", "clothes"]
