"""What a step does when the cluster takes its pod away: it says so, cleans up, and ends."""

import signal
import sys
import threading
from types import FrameType


def exit_on_sigterm(step: str) -> None:
    """From now on end the process with 143 on SIGTERM, after what is half-written was removed and a line in the log.

    Python's own answer to the signal is to die at once and silently. A handler that is there already stays: then the
    step runs inside a program that has its own.
    """

    def end(number: int, frame: FrameType | None) -> None:
        print(f"{step} was told to end (SIGTERM); what it had not finished is gone", file=sys.stderr, flush=True)
        sys.exit(128 + number)

    in_main_thread = threading.current_thread() is threading.main_thread()  # no other may set a handler
    if in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, end)
