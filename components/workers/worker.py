"""A worker process: reads stretches from one pipe, trains them, and writes their outcomes to another.

One JSON object a line. The first line it reads is the setup; after that a line a stretch. It ends when the pipe ends,
which also happens when its parent is killed.

The worker itself only imports TensorFlow; each stretch runs in a child that it forks. So what one leaves in memory
(XLA keeps every program it has compiled) goes with it, and the next one starts at once. Forking is safe here because
an imported TensorFlow has no threads before its first operation, and the worker never runs one.
"""

import contextlib
import ctypes
import gc
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import Any, NoReturn

from components.workers.stretch import Stretch

PR_SET_PDEATHSIG = 1
PARENT_CHECK_S = 1.0
MEMORY_CHECK_S = 0.1
LARGE_SHARE = 0.5
EXIT_REFUSED = 3


class Replies:
    """The pipe to the parent."""

    def __init__(self, descriptor: int) -> None:
        self._pipe = _opened(descriptor, "wb")
        self._lock = threading.Lock()

    def send(self, **message: Any) -> None:
        """Send one message; where nobody hears it any more, end this process."""
        data = json.dumps(message).encode() + b"\n"
        try:
            with self._lock:
                while data:
                    data = data[self._pipe.write(data) :]
        except BrokenPipeError:
            os._exit(0)


def main(requests_from: int, replies_to: int) -> None:
    # A terminal sends Ctrl-C to every process: it is the parent's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(os.getppid())
    _offer_to_be_ended_first()
    replies, requests = Replies(replies_to), _read_requests(requests_from)
    setup = requests.get()
    gc.disable()  # collections take a fifth of the import
    _import_tensorflow()

    from components.core import artifacts, events
    from components.experiment import EXPERIMENT

    _refuse_started_tensorflow()
    from components.training.compilation import has_gpu
    from components.training.state import Epoch
    from components.workers import task

    events.listener = events.Forwarding(lambda text: replies.send(note=text))
    data = artifacts.read_training_data(setup["training_data"], checked=False)
    data = replace(data, fingerprint=setup["fingerprint"])
    gc.enable()
    gc.collect()
    gc.freeze()  # no child looks through all that was imported: a collection would, and copy its pages
    replies.send(ready=True)

    def train(request: dict[str, Any]) -> None:
        stretch = Stretch(**request)
        _tell_when_large(replies, stretch)

        def tell(epoch: Epoch) -> None:
            replies.send(number=stretch.number, epoch=epoch.number, objective=epoch.objective)

        if setup["device"] and not has_gpu():
            events.note(
                f"TensorFlow finds no GPU at {setup['device']} and trains on a processor: are CUDA's libraries there "
                "(tensorflow[and-cuda]), and of a version for the driver? --workers N takes more processors"
            )
        outcome = task.run(EXPERIMENT, data, stretch, tell if stretch.every_epoch else None)
        replies.send(number=stretch.number, outcome=outcome.as_dict())

    while True:
        _in_child(train, requests.get())


def _in_child(task: Callable[[dict[str, Any]], None], argument: dict[str, Any]) -> None:
    """Run `task(argument)` in a forked child and wait for it; when that ends badly, end this process the same way."""
    worker = os.getpid()
    child = os.fork()
    if child == 0:
        _run_and_exit(worker, task, argument)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        os.kill(os.getpid(), -code)
    if code:
        os._exit(code)


def _run_and_exit(worker: int, task: Callable[[dict[str, Any]], None], argument: dict[str, Any]) -> NoReturn:
    try:
        _end_with(worker)
        task(argument)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _end_with(parent: int) -> None:
    """Have the kernel end this process with its parent, where it can, and look for the parent's end where not."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_S)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _offer_to_be_ended_first() -> None:
    """Have the kernel, out of memory, end this process or its children rather than the one with the search in it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _tell_when_large(replies: Replies, stretch: Stretch) -> None:
    """Tell the parent, from a thread, as soon as this process has taken half of what a training may take.

    What it shares with the worker that it was forked from is not counted.
    """
    if not stretch.memory_bytes_alone:
        return
    shared = _anonymous_bytes()

    def watch() -> None:
        while _anonymous_bytes() - shared < LARGE_SHARE * stretch.memory_bytes_alone:
            time.sleep(MEMORY_CHECK_S)
        replies.send(large=stretch.number)

    threading.Thread(target=watch, daemon=True).start()


def _anonymous_bytes() -> int:
    """Return the memory that this process holds and no file backs, 0 where that can't be read."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def _opened(descriptor: int, mode: str) -> Any:
    """Return an end of a pipe as a file, which no program that an experiment starts gets hold of."""
    os.set_inheritable(descriptor, False)
    return os.fdopen(descriptor, mode, buffering=0)


def _read_requests(descriptor: int) -> "queue.SimpleQueue[dict[str, Any]]":
    """Return a queue that a thread fills from a pipe; the thread ends the process when the parent is gone."""
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        for line in BufferedReader(_opened(descriptor, "rb")):
            requests.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return requests


def _import_tensorflow() -> None:
    """Import TensorFlow for one processor, and without the packages that Keras only wraps.

    Keras imports scikit-learn, pandas and matplotlib where they are installed; a worker that does not saves a third of
    its start-up and 75 MB. Afterwards they can be imported as usual.
    """
    unused = [name for name in ("sklearn", "pandas", "matplotlib", "PIL") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(unused))  # type: ignore[arg-type]  # None: "can't be imported"
    try:
        import tensorflow as tf
    finally:
        for name in unused:
            del sys.modules[name]
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _refuse_started_tensorflow() -> None:
    """End the worker when the experiment ran an operation as it was imported: a fork of it could hang."""
    from tensorflow.python.eager import context

    if context.context_safe() is not None and context.context()._initialized:
        print(
            "components/experiment must run no TensorFlow operation when it is imported; move it into a function",
            file=sys.stderr,
            flush=True,
        )
        os._exit(EXIT_REFUSED)  # not by `sys.exit`, for which the thread that reads requests would be in the way


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
