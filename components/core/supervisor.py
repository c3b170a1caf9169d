"""Starts a step's process again when it was killed or has crashed: not every cluster does.

`python -m components.core.supervisor COMMAND …` runs the command and ends as it ends. A command that a signal has
ended is started again a few times; one that ends by itself, also with an error, is not: it would fail again. What it
had finished is in its state folder, which outlives it: where the step has no volume for it, `files.kept_or_temporary`
takes the one that is named here.

This process holds no more than Python itself, so that the kernel, out of memory, has no reason to choose it.
"""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from components.core.files import STATE_VARIABLE

PAUSES_S = (5, 30, 120)
"""Before each new start: what has taken the memory may have gone by then."""

PR_SET_PDEATHSIG = 1


def supervise(command: Sequence[str], pauses_s: Sequence[float] = PAUSES_S) -> int:
    """Run a command, again where a signal has ended it, and return its exit status: 128 + the signal's number for one.

    SIGTERM goes on to the command, which is then not started again. When this process is killed, so is the command.

    Args:
        command: the words of the command.
        pauses_s: seconds before each new start, one for each.
    """
    with tempfile.TemporaryDirectory(prefix="state-") as folder:
        environment = {STATE_VARIABLE: folder, **os.environ}
        for n_lost, pause_s in enumerate(pauses_s, start=1):
            status, is_asked_to_end = _run(command, environment)
            if status >= 0 or is_asked_to_end:
                return _exit_status(status)
            reason = f"the step's process was ended by {signal.Signals(-status).name}"
            print(f"warning: {reason}; it is started again in {pause_s:g} s ({n_lost} of {len(pauses_s)})", flush=True)
            time.sleep(pause_s)
        return _exit_status(_run(command, environment)[0])


def _run(command: Sequence[str], environment: dict[str, str]) -> tuple[int, bool]:
    """Return a command's exit status, negative for a signal, and whether this process was asked to end meanwhile."""
    asked: list[int] = []
    with subprocess.Popen(command, env=environment, preexec_fn=_end_with_parent) as process:

        def pass_on(number: int, _: object) -> None:
            asked.append(number)
            process.send_signal(number)

        before = signal.signal(signal.SIGTERM, pass_on)
        try:
            return process.wait(), bool(asked)
        finally:
            signal.signal(signal.SIGTERM, before)


def _exit_status(status: int) -> int:
    return status if status >= 0 else 128 - status


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[1:]))
