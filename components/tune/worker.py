"""A worker process: reads trials from standard input, trains them, and writes their outcomes to standard output.

One JSON object a line. The first line it reads is the setup; after that a line a trial. It ends when standard input
ends, which also happens when its parent is killed.

The worker itself only imports TensorFlow; each trial runs in a child that it forks. So what a trial leaves in memory
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
from io import RawIOBase
from typing import Any, NoReturn

PR_SET_PDEATHSIG = 1
PARENT_CHECK_S = 1.0
EXIT_REFUSED = 3


def main() -> None:
    # A terminal sends Ctrl-C to every process: it is the parent's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(os.getppid())
    replies = _claim_standard_output()
    requests = _read_requests()
    setup = requests.get()
    gc.disable()  # collections take a fifth of the import
    _import_tensorflow()

    from components.core import artifacts, events
    from components.experiment import EXPERIMENT

    _refuse_started_tensorflow()
    from components.tune.trials import TrialSettings, run_trial

    events.listener = events.Forwarding(lambda text: _reply(replies, note=text))
    data = artifacts.read_training_data(setup["training_data"], checked=False)
    settings = TrialSettings(**setup["settings"])
    gc.enable()
    gc.collect()
    gc.freeze()  # no child looks through all that was imported: a collection would, and copy its pages
    _reply(replies, ready=True)

    def train(request: dict[str, Any]) -> None:
        outcome = run_trial(EXPERIMENT, request["hyperparameters"], data, settings, request["thresholds"])
        _reply(replies, number=request["number"], outcome=outcome.as_dict())

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


def _claim_standard_output() -> RawIOBase:
    """Return the pipe to the parent, and send whatever else writes to standard output to standard error."""
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return replies


def _read_requests() -> "queue.SimpleQueue[dict[str, Any]]":
    """Return a queue that a thread fills from standard input; the thread ends the process when the parent is gone."""
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin.buffer:
            requests.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return requests


def _reply(replies: RawIOBase, **message: Any) -> None:
    try:
        replies.write(json.dumps(message).encode() + b"\n")
    except BrokenPipeError:
        os._exit(0)


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
        os._exit(EXIT_REFUSED)  # not by `sys.exit`, for which the thread that reads standard input would be in the way


if __name__ == "__main__":
    main()
