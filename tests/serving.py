"""A running server of models, and what is asked of it."""

import base64
import contextlib
import io
import json
import socket
import subprocess
import time
from dataclasses import dataclass

import requests
from PIL import Image

from tests import runs


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """A server's process and where it answers."""

    process: subprocess.Popen
    port: int
    grpc_port: int
    name: str = "model"

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def predict(self, instances, **more):
        return requests.post(f"{self.address}/v1/models/{self.name}:predict", json={"instances": instances, **more})

    def infer(self, body):
        return requests.post(f"{self.address}/v2/models/{self.name}/infer", json=body)

    def end(self):
        """Ask it to end, and return its exit status and what it wrote to standard error."""
        self.process.terminate()
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


@contextlib.contextmanager
def serving(*words, wait_s=90):
    """Run a server, `pipeline.py serve` with these words, until the block ends."""
    port, grpc_port = free_port(), free_port()
    command = [*runs.command("serve", port=port, grpc_port=grpc_port), *map(str, words)]
    with subprocess.Popen(
        command, env=runs.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            server = Server(process, port, grpc_port)
            _wait(server, wait_s)
            yield server
        finally:
            if process.poll() is None:
                process.terminate()
            with contextlib.suppress(ValueError):  # the test has read it
                process.communicate(timeout=60)


def refused(*words):
    """Return the exit status and standard error of a server that does not start."""
    command = [*runs.command("serve", port=free_port()), *map(str, words)]
    done = subprocess.run(command, env=runs.environment(), capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr


def encoded(array, kind="PNG"):
    """Return an image in base64."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode()


def _wait(server, wait_s):
    end = time.monotonic() + wait_s
    while time.monotonic() < end and server.process.poll() is None:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(f"{server.address}/v2/health/ready", timeout=5).ok:
                return
        time.sleep(0.1)
    server.process.kill()
    raise RuntimeError(f"the server did not start:\n{json.dumps(server.process.communicate(), indent=1)}")
