"""Processes that tests start, find and end: each test's own carry a mark in their environment."""

import contextlib
import os
import signal
import time
import uuid
from pathlib import Path

MARK = "TEST_PROCESS_MARK"


def heed_interrupts():
    """For `preexec_fn`: what is started in a shell's background ignores Ctrl-C, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def new_mark():
    return uuid.uuid4().hex


def marked(mark):
    """Return the ids of the living processes that carry a mark."""
    wanted = f"{MARK}={mark}".encode()
    return sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _has(entry, wanted))


def _has(entry, wanted):
    try:
        return wanted in (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def children(pid):
    """Return the ids of a process' children, zombies included."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            if entry.name.isdigit() and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.name))
    return sorted(found)


def descendants(pid):
    """Return the ids of a process' children and of theirs."""
    below = children(pid)
    return below + [further for child in below for further in descendants(child)]


def end(mark):
    """End whatever carries a mark: for a test's own clean-up."""
    for pid in marked(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def until(condition, timeout_s=120):
    """Wait until a condition holds and return what it gave.

    Raises:
        TimeoutError: it does not within a time that is far beyond what a slow machine takes.
    """
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{condition} does not hold after {timeout_s} s")
        time.sleep(0.02)
    return value
