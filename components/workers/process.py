"""One worker process, the pipes to it, its log, and the stretch it has."""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from components.workers import devices

SOURCE_ROOT = Path(__file__).resolve().parents[2]
LAST_WORDS_S = 5
LOG_TAIL = 4_000
CHATTER = ("WARNING: All log messages before absl", "I0000 ", "W0000 ")
"""How lines begin that TensorFlow writes when all is well."""


class WorkerProcess:
    """One process, the pipes to it, and the stretch it has.

    The pipes are its own: whatever the experiment, a library or Python itself prints goes to a log.

    Args:
        slot: its number.
        device: the only GPU that it sees, as CUDA_VISIBLE_DEVICES names it; None for what this process sees.
    """

    def __init__(self, slot: int, device: str | None = None) -> None:
        self.slot = slot
        self.number: int | None = None
        self.is_ready = False
        self.start_up_seconds = 0.0
        self._since = time.monotonic()
        self._log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - as long as the worker
        fcntl.fcntl(self._log, fcntl.F_SETFL, os.O_APPEND)  # it is emptied while the worker has it open
        self._received = b""
        theirs_in, self._requests = os.pipe()
        self.replies, theirs_out = os.pipe()
        try:
            self.process = _started(theirs_in, theirs_out, self._log.fileno(), device)
        finally:
            os.close(theirs_in)
            os.close(theirs_out)

    @property
    def seconds(self) -> float:
        """How long the worker has been at its stretch."""
        return time.monotonic() - self._since

    def ready(self) -> None:
        self.is_ready = True
        self.start_up_seconds = self.seconds
        self._start_anew()

    def begin(self, number: int) -> None:
        self.number = number
        if self.is_ready:
            self._start_anew()

    def _start_anew(self) -> None:
        self._since = time.monotonic()
        self._log.truncate(0)

    def send(self, message: dict[str, Any]) -> None:
        rest = json.dumps(message).encode() + b"\n"
        # A worker that has died is found by its pipe's end, and its stretch accounted for there.
        with contextlib.suppress(BrokenPipeError):
            while rest:
                rest = rest[os.write(self._requests, rest) :]

    def receive(self) -> list[dict[str, Any]] | None:
        """Return the whole messages that have come, or None at the pipe's end."""
        data = os.read(self.replies, 2**16)
        if not data:
            return None
        *lines, self._received = (self._received + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def has_ended(self) -> bool:
        return self.process.poll() is not None

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
        os.close(self._requests)
        os.close(self.replies)
        self._log.close()

    def log(self) -> str:
        """Return the end of what was written to standard output and standard error since the stretch began."""
        size = os.fstat(self._log.fileno()).st_size
        tail = os.pread(self._log.fileno(), LOG_TAIL, max(0, size - LOG_TAIL))
        lines = tail.decode(errors="replace").splitlines()
        return "\n".join(line for line in lines if not line.startswith(CHATTER))


def _started(requests: int, replies: int, log: int, device: str | None) -> "subprocess.Popen[bytes]":
    """Start a worker with this project's modules, whatever lies in the folder that it is started from (`-P`)."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "components.workers.worker", str(requests), str(replies)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(requests, replies),
        env=_environment(device),
    )


def _environment(device: str | None) -> dict[str, str]:
    """Return the environment of a worker: one processor and one GPU, of whose memory it takes what it needs; no log
    lines of TensorFlow's start, its own at once."""
    one_gpu = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", **({devices.CHOICE: device} if device else {})}
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
    path = os.pathsep.join(filter(None, [str(SOURCE_ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **one_thread, **one_gpu, **quiet, "PYTHONPATH": path}
