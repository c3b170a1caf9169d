"""The inference server, as a client sees it: both protocols, refusals, promotions, and its end."""

import socket
import threading
import time

import grpc
import numpy as np
import pytest
import requests
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from components.registry import champion
from components.registry.store import open_store
from tests import model_registry, serving
from tests.model_registry import NAMES, SHAPE

DATA = model_registry.test_data().test


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a registry of two versions, the first of which is in service."""
    folder = tmp_path_factory.mktemp("registry")
    store = open_store(str(folder / "models"))
    model_registry.register(store, folder / "first", wrong=[2])
    model_registry.register(store, folder / "second", run="run-2", promoted=False)
    return folder / "models"


@pytest.fixture(scope="module")
def server(place):
    limits = ("--queue-size", 64, "--batch-size", 8, "--most-megabytes", 1, "--follow-s", 0.2)
    with serving.serving("--registry", place, *limits) as running:
        yield running


def image(label, index=0):
    return DATA.inputs[DATA.labels == label][index]


def test_arrays_and_images_of_either_format_get_the_same_answer(server):
    grey = np.full(SHAPE, 110, np.uint8)  # which JPEG keeps

    asked = [[grey.tolist()], *([{"b64": serving.encoded(grey, kind)}] for kind in ("PNG", "JPEG"))]
    answers = [server.predict(instances).json() for instances in asked]

    assert answers[0]["predictions"][0]["label"] == "bright"
    assert answers[0]["predictions"][0]["probability"] == max(answers[0]["predictions"][0]["probabilities"])
    assert sum(answers[0]["predictions"][0]["probabilities"]) == pytest.approx(1)
    assert answers[0]["model_version"] == "1"
    assert answers[1] == answers[2] == answers[0]


def test_rows_come_in_the_order_of_the_instances(server):
    instances = [image(label).tolist() for label in (1, 0, 0, 1)]

    predictions = server.predict(instances).json()["predictions"]

    assert [each["label"] for each in predictions] == ["bright", "dark", "dark", "bright"]


def test_v2_answers_with_three_tensors_and_the_version(server):
    data = np.stack([image(0), image(1)])
    tensor = {"name": "inputs", "datatype": "UINT8", "shape": list(data.shape), "data": data.ravel().tolist()}

    body = server.infer({"id": "7", "inputs": [tensor]}).json()

    found = {output["name"]: output for output in body["outputs"]}
    assert (body["id"], body["model_version"]) == ("7", "1")
    assert found["label"]["data"] == ["dark", "bright"] and found["label"]["datatype"] == "BYTES"
    assert found["probabilities"]["shape"] == [2, 3] and len(found["probabilities"]["data"]) == 6
    assert found["probability"]["data"] == pytest.approx(np.reshape(found["probabilities"]["data"], (2, 3)).max(1))


def test_v2_takes_images_and_gives_the_outputs_that_are_asked_for(server):
    tensor = {"name": "inputs", "datatype": "BYTES", "shape": [1], "data": [serving.encoded(image(1))]}

    body = server.infer({"inputs": [tensor], "outputs": [{"name": "label"}]}).json()

    assert [(output["name"], output["data"]) for output in body["outputs"]] == [("label", ["bright"])]


def test_grpc_takes_raw_arrays_and_raw_images(server):
    data = np.stack([image(0), image(1)])
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = GRPCInferenceServiceStub(channel)

        def ask(datatype, shape, **content):
            tensor = messages.ModelInferRequest.InferInputTensor(name="inputs", datatype=datatype, shape=shape)
            for each in content.pop("images", ()):
                tensor.contents.bytes_contents.append(each)
            return stub.ModelInfer(messages.ModelInferRequest(model_name="model", inputs=[tensor], **content))

        arrays = ask("UINT8", data.shape, raw_input_contents=[data.tobytes()])
        import base64

        pictures = ask("BYTES", [2], images=[base64.b64decode(serving.encoded(each)) for each in data])
        with pytest.raises(grpc.RpcError) as refusal:
            ask("UINT8", [2, 3], raw_input_contents=[bytes(6)])
        metadata = stub.ModelMetadata(messages.ModelMetadataRequest(name="model"))

    probabilities = np.frombuffer(arrays.raw_output_contents[2], np.float32).reshape(2, 3)
    assert probabilities.argmax(axis=1).tolist() == [0, 1] and arrays.model_version == "1"
    assert list(pictures.outputs[2].contents.fp32_contents) == pytest.approx(probabilities.ravel().tolist())
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "must have the shape (n, 4, 5), got (2, 3)" in refusal.value.details()
    assert list(metadata.inputs[0].shape) == [-1, *SHAPE]


def test_metadata_say_what_goes_in_and_what_the_classes_are(server):
    body = requests.get(f"{server.address}/v2/models/model").json()

    assert body["inputs"] == [{"name": "inputs", "datatype": "UINT8", "shape": [-1, *SHAPE]}]
    assert body["parameters"] == {"class_names": list(NAMES), "input_dtype": "uint8"}
    assert body["versions"] == ["1"]


def test_health_and_metrics_are_where_they_are_looked_for(server):
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/model/ready", "/v1/models/model"):
        assert requests.get(server.address + path).status_code == 200, path
    server.predict([image(0).tolist()])

    metrics = requests.get(f"{server.address}/metrics").text

    assert 'served_examples_total{version="1"}' in metrics and "request_predict_seconds_bucket" in metrics
    assert "served_version 1.0" in metrics


OTHER_SIZE = np.zeros((5, 4), np.uint8)
REFUSED = {
    "no instances": ({}, '{"instances": [...]}'),
    "none": ({"instances": []}, "at least one"),
    "another key": ({"instances": [[]], "parameters": {}}, "'parameters' has no effect"),
    "another shape": ({"instances": [[[1, 2], [3, 4]]]}, "must have the shape (n, 4, 5), got (1, 2, 2)"),
    "ragged": ({"instances": [[1], [1, 2]]}, "arrays of one shape"),
    "text": ({"instances": ["abc"]}, "must hold numbers"),
    "too large a number": ({"instances": [np.full(SHAPE, 256).tolist()]}, "integers from 0 to 255"),
    "fractions": ({"instances": [np.full(SHAPE, 0.5).tolist()]}, "integers from 0 to 255"),
    "mixed": ({"instances": [{"b64": "aGk="}, [1]]}, 'instances[1] must be {"b64": "..."}'),
    "not base64": ({"instances": [{"b64": "?"}]}, "instances[0] must be an image in base64"),
    "no image": ({"instances": [{"b64": "aGk="}]}, "instances[0] must be a PNG or JPEG image"),
    "other size": ({"instances": [{"b64": serving.encoded(OTHER_SIZE)}]}, "4 x 5 pixels (height x width), got 5 x 4"),
    "colours": ({"instances": [{"b64": serving.encoded(np.zeros((4, 5, 3), np.uint8))}]}, "must be grey"),
    "too many": ({"instances": np.zeros((65, *SHAPE), int).tolist()}, "at most 64 examples, got 65"),
    "too large": ({"instances": [[0] * 600_000]}, "at most 1,000,000 bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_t_be_answered_is_refused_in_a_line(server, name):
    body, message = REFUSED[name]

    answer = requests.post(f"{server.address}/v1/models/model:predict", json=body)

    assert answer.status_code == 400
    assert message in answer.json()["error"] and "\n" not in answer.json()["error"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "x"}, "one input, 'inputs', got 'x'"),
        ({"datatype": "FP32"}, "must be UINT8, or BYTES"),
        ({"shape": [2, 4, 5]}, "as many numbers as its shape"),
        ({"shape": "abc"}, "must follow the protocol"),
        ({"datatype": "BYTES", "shape": [1], "data": ["?"]}, "inputs[0] must be an image in base64"),
    ],
)
def test_a_v2_request_that_can_t_be_answered_is_refused_in_a_line(server, changed, message):
    tensor = {"name": "inputs", "datatype": "UINT8", "shape": [1, *SHAPE], "data": [0] * 20, **changed}

    answer = server.infer({"inputs": [tensor]})

    assert answer.status_code == 400 and message in answer.json()["error"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"instances": {"a": 1}}', b"\xff\xfe"])
def test_a_body_of_any_bytes_is_refused(server, body):
    headers = {"content-type": "application/json"}

    for path in ("/v1/models/model:predict", "/v2/models/model/infer"):
        answer = requests.post(server.address + path, data=body, headers=headers)
        assert answer.status_code == 400 and answer.json()["error"], (path, answer.text)


def test_another_model_is_none_and_nobody_unloads_this_one(server):
    assert requests.post(f"{server.address}/v1/models/other:predict", json={"instances": []}).status_code == 404
    assert requests.post(f"{server.address}/v2/repository/models/model/unload").status_code == 400
    assert server.predict([image(0).tolist()]).ok


def test_a_promotion_and_a_rollback_lose_no_request(server, place):
    store, failed, seen, ended = open_store(str(place)), [], [], threading.Event()

    def ask():
        with requests.Session() as session:
            while not ended.is_set():
                answer = session.post(
                    f"{server.address}/v1/models/model:predict", json={"instances": [image(2).tolist()] * 3}
                )
                body = answer.json()
                if not answer.ok:
                    failed.append(body)
                else:
                    seen.append((body["model_version"], body["predictions"][0]["label"]))

    def until(version):
        end = time.monotonic() + 60
        while seen[-1:] == [] or seen[-1][0] != version:
            assert time.monotonic() < end and not failed, (failed, seen[-3:])
            time.sleep(0.05)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    try:
        until("1")
        champion.change(store, champion.read(store), 2, "promotion", "run-2", "a test")
        until("2")
        champion.rollback(store, None, "a test")
        until("1")
    finally:
        ended.set()
        for asker in askers:
            asker.join()
    assert not failed
    assert {label for version, label in seen if version == "2"} == {NAMES[2]}
    assert NAMES[2] not in {label for version, label in seen if version == "1"}


def test_what_has_begun_is_finished_when_it_is_told_to_end(place):
    with serving.serving("--registry", place, "--version", 2) as server:
        body = b'{"instances": [' + str(image(2).tolist()).encode() + b"]}"
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            head = f"POST /v1/models/model:predict HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body[:20])
            time.sleep(0.5)
            server.process.terminate()
            time.sleep(0.5)
            connection.sendall(body[20:])
            answer = connection.makefile("rb").read()
        status, said = server.end()

    assert answer.startswith(b"HTTP/1.1 200") and b'"model_version":"2"' in answer
    assert status == 0 and "Traceback" not in said


def test_a_version_that_was_altered_is_not_served(tmp_path):
    store = open_store(str(tmp_path / "models"))
    model_registry.register(store, tmp_path / "made")
    path = tmp_path / "models/versions/0001/model/model.keras"
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    status, said = serving.refused("--registry", tmp_path / "models")

    assert status == 2 and "model/model.keras of version 1" in said and said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "run or registry must be given, one of them"),
        (("--run", "nowhere"), "nowhere holds none"),
        (("--run", "nowhere", "--version", 1), "version must come with --registry"),
        (("--registry", "nowhere"), "must have a version in service"),
    ],
)
def test_what_it_can_t_serve_is_refused_in_a_line(words, message):
    status, said = serving.refused(*words)

    assert status == 2 and message in said and said.count("\n") == 1
