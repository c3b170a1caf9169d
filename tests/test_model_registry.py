"""The Kubeflow Model Registry by its own client, against a server that keeps what it is told in its protocol."""

import itertools
import json
import threading

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from components.core.errors import InvalidInput
from components.promote import model_registry as theirs
from components.registry.store import open_store
from tests import model_registry

ROOT = "/api/model_registry/v1"
COLLECTIONS = {"registered_models": "RegisteredModel", "model_versions": "ModelVersion", "model_artifacts": "Artifact"}


class ModelRegistry:
    """A part of the server: models, their versions and artifacts, each made once, found by name or parent."""

    def __init__(self, root=ROOT):
        self._root, self._numbers = root, itertools.count(1)
        self.kept = {name: [] for name in COLLECTIONS}
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()

    def _answer(self, environment, start_response):
        request = Request(environment)
        if not request.path.startswith(self._root):
            return Response("404 page not found", 404)(environment, start_response)
        body, status = self._route(
            request.method, request.path.removeprefix(self._root).strip("/").split("/"), request
        )
        return Response(json.dumps(body), status, content_type="application/json")(environment, start_response)

    def _route(self, method, path, request):
        if method == "POST":
            parent = {"registeredModelId": path[1]} if path[-1] == "versions" else {}
            kind = {"versions": "model_versions", "artifacts": "model_artifacts"}.get(path[-1], path[-1])
            made = {**request.get_json(), **parent, "id": str(next(self._numbers))}
            made |= {"parent": path[1]} if path[-1] == "artifacts" else {}
            made |= {"createTimeSinceEpoch": "1", "lastUpdateTimeSinceEpoch": "1"}
            self.kept[kind].append(made)
            return made, 201
        singular = {"registered_model": "registered_models", "model_version": "model_versions"}
        if path[-1] in singular:
            wanted = {"name": request.args.get("name")}
            if "parentResourceId" in request.args:
                wanted["registeredModelId"] = request.args["parentResourceId"]
            found = [each for each in self.kept[singular[path[-1]]] if wanted.items() <= each.items()]
            return (found[0], 200) if found else ({"code": "404", "message": "none found"}, 404)
        items = self.kept.get(path[-1], self.kept["model_versions"])
        return {"items": items, "size": len(items), "pageSize": 100, "nextPageToken": ""}, 200


@pytest.fixture
def server():
    running = ModelRegistry()
    yield running
    running.close()


def test_a_version_is_registered_with_where_it_comes_from_and_not_twice(server, tmp_path):
    store = open_store(str(tmp_path / "clothes"))
    version = model_registry.register(store, tmp_path / "made")

    theirs.register(server.address, store, version)
    theirs.register(server.address, store, version)

    (model,), (registered,) = server.kept["registered_models"], server.kept["model_versions"]
    assert (model["name"], registered["name"]) == ("clothes", "1")
    facts = {name: value.get("string_value", value.get("double_value")) for name, value in _facts(registered).items()}
    assert facts["run"] == "run-1" and facts["test_accuracy"] == version.metrics["test_accuracy"].value
    (artifact,) = server.kept["model_artifacts"]
    assert artifact["uri"].endswith("clothes/versions/0001/model") and artifact["modelFormatName"] == "keras"


def _facts(version):
    return version["customProperties"]


def test_a_second_version_joins_the_model(server, tmp_path):
    store = open_store(str(tmp_path / "clothes"))
    for run in ("run-1", "run-2"):
        theirs.register(server.address, store, model_registry.register(store, tmp_path / run, run=run))

    assert len(server.kept["registered_models"]) == 1
    assert [each["name"] for each in server.kept["model_versions"]] == ["1", "2"]


def test_a_server_of_another_version_is_refused_with_what_the_client_speaks():
    older = ModelRegistry(root="/api/model_registry/v1alpha3")
    try:
        with pytest.raises(
            InvalidInput, match=r"speaks v1, as the client [0-9.]+ does, got 'http://127.*it answers 404"
        ):
            theirs.check(older.address)
    finally:
        older.close()


def test_one_that_is_not_there_is_refused_in_a_line():
    with pytest.raises(InvalidInput, match="model_registry must be the address of") as error:
        theirs.check("http://127.0.0.1:9")
    assert "\n" not in str(error.value)
