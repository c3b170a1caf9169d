"""One worker process, the pipe to it, and the trial it has."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SOURCE_ROOT = Path(__file__).resolve().parents[2]
LAST_WORDS_S = 5
STDERR_TAIL = 2_000


class WorkerProcess:
    """One process, the pipe to it, and the trial it has."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.number: int | None = None
        self.is_ready = False
        self.start_up_seconds = 0.0
        self._since = time.monotonic()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the worker
        self._received = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "components.tune.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            bufsize=0,
            env=_environment(),
        )
        assert self.process.stdin and self.process.stdout
        self._requests, self.replies = self.process.stdin, self.process.stdout

    @property
    def seconds(self) -> float:
        """How long the worker has been at its trial."""
        return time.monotonic() - self._since

    def ready(self) -> None:
        self.is_ready = True
        self.start_up_seconds = self.seconds
        self._since = time.monotonic()

    def begin(self, number: int) -> None:
        self.number = number
        if self.is_ready:
            self._since = time.monotonic()

    def send(self, message: dict[str, Any]) -> None:
        # A worker that has died is found by its pipe's end, and its trial accounted for there.
        with contextlib.suppress(BrokenPipeError):
            self._requests.write(json.dumps(message).encode() + b"\n")

    def receive(self) -> list[dict[str, Any]] | None:
        """Return the whole messages that have come, or None at the pipe's end."""
        data = os.read(self.replies.fileno(), 2**16)
        if not data:
            return None
        *lines, self._received = (self._received + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def exit_code(self) -> int:
        """Return how the process ended, whose pipe has: one that closed it and lives on is ended."""
        try:
            return self.process.wait(LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for file in (self._requests, self.replies, self._stderr):
            file.close()

    def stderr_tail(self) -> str:
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - STDERR_TAIL))
        return self._stderr.read().decode(errors="replace")


def _environment() -> dict[str, str]:
    """Return the environment of a worker: one processor each, and no log lines of TensorFlow's start."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    path = os.pathsep.join(filter(None, [str(SOURCE_ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **one_thread, **quiet, "TF_FORCE_GPU_ALLOW_GROWTH": "true", "PYTHONPATH": path}
