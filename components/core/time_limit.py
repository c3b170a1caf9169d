"""A limit on how long a piece of somebody else's Python code may take in this process."""

import contextlib
import signal
import threading
from collections.abc import Iterator

AGAIN_S = 5.0


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after some seconds; 0, or outside of the main thread: never.

    Code outside of Python, a TensorFlow operation for instance, is interrupted only when it returns. Where the error
    is lost, as in a `__del__` that is called just then, it is raised again.
    """
    if not seconds or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        raise TimeoutError(f"it took longer than trial_time_limit_s, {seconds:g} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
