"""A worker process: reads trials from standard input, trains them, and writes their outcomes to standard output.

One JSON object a line. The first line it reads is the setup; after that a line a trial. It ends when standard input
ends, which also happens when its parent is killed.
"""

import contextlib
import ctypes
import json
import os
import queue
import signal
import sys
import threading

PR_SET_PDEATHSIG = 1


def main():
    # A terminal sends Ctrl-C to every process: it is the parent's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    replies = _claim_standard_output()
    requests = _read_requests()
    setup = requests.get()
    _use_one_processor()

    # TensorFlow is imported here, once a worker, after the process can already notice its parent's end.
    from components.core import artifacts, progress
    from components.tune.trials import TrialSettings, run_trial

    progress.listener = progress.Forwarding(lambda text: _reply(replies, note=text))
    data = artifacts.read_training_data(setup["training_data"], checked=False)
    settings = TrialSettings(**setup["settings"])
    _reply(replies, ready=True)
    while True:
        request = requests.get()
        outcome = run_trial(request["hyperparameters"], data, settings, request["bars"])
        _reply(replies, number=request["number"], outcome=outcome.as_dict(), resident_mb=_resident_mb())


def _die_with_parent():
    """Have the kernel end this process with its parent, where it can: the thread below can't while it is stopped."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _claim_standard_output():
    """Return the pipe to the parent, and send whatever else writes to standard output to standard error."""
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return replies


def _read_requests():
    """Return a queue that a thread fills from standard input; the thread ends the process when the parent is gone."""
    requests: queue.SimpleQueue = queue.SimpleQueue()

    def read():
        for line in sys.stdin.buffer:
            requests.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return requests


def _reply(replies, **message):
    try:
        replies.write(json.dumps(message).encode() + b"\n")
    except BrokenPipeError:
        os._exit(0)


def _use_one_processor():
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _resident_mb():
    """Return the memory in use, without the pages that are shared with other processes; 0 where it can't be told."""
    try:
        with open("/proc/self/statm") as file:
            _, resident, shared, *_ = (int(field) for field in file.read().split())
    except OSError:
        return 0
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE") // 2**20


if __name__ == "__main__":
    main()
