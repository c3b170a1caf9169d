"""A real S3-compatible server for tests: moto's, in this process, behind a gate that can cut answers short."""

import contextlib
import threading
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import requests
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "pictures"
KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}


class _Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


@dataclass
class Server:
    """A running server.

    Attributes:
        address: what `AWS_ENDPOINT_URL` must be.
        gets: key and range of each object that was read, in order.
        cut_after: bytes after which the next answers end early, one a read; None: whole.
        before_read: called with the number of the read (from 0), before it is answered.
    """

    address: str
    gets: list = field(default_factory=list)
    cut_after: list = field(default_factory=list)
    before_read: object = None

    @property
    def client(self):
        return boto3.client("s3", endpoint_url=self.address, **KEYS)

    def put(self, key, data, bucket=BUCKET):
        self.client.put_object(Bucket=bucket, Key=key, Body=data)

    def put_folder(self, prefix, folder):
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder)}", path.read_bytes())


class _Gate:
    """Passes requests to moto, remembers the reads of objects, and cuts their answers as it is told."""

    def __init__(self, application):
        self._application, self.server = application, None

    def __call__(self, environ, start_response):
        key = environ["PATH_INFO"].removeprefix(f"/{BUCKET}/")
        is_read = environ["REQUEST_METHOD"] == "GET" and key and not key.startswith("/")
        if not is_read or not self.server:
            return self._application(environ, start_response)
        if self.server.before_read:
            self.server.before_read(len(self.server.gets))
        self.server.gets.append((key, environ.get("HTTP_RANGE")))
        answer = self._application(environ, start_response)
        if not self.server.cut_after:
            return answer
        n_bytes = self.server.cut_after.pop(0)
        return [b"".join(answer)[:n_bytes]]


@contextlib.contextmanager
def serving():
    """Run a `Server` with an empty bucket on a free local port."""
    gate = _Gate(DomainDispatcherApplication(create_backend_app))
    running = make_server("127.0.0.1", 0, gate, threaded=True, request_handler=_Quiet)
    server = Server(f"http://127.0.0.1:{running.server_port}")
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        requests.post(f"{server.address}/moto-api/reset", timeout=10)
        server.client.create_bucket(Bucket=BUCKET)
        gate.server = server
        yield server
    finally:
        running.shutdown()
        thread.join()
        running.server_close()
