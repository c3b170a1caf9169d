"""A limit on somebody else's code: kept also where the error is lost on its way, and gone after the block."""

import signal
import sys
import time

import pytest

from components.core import time_limit
from components.core.time_limit import limited


def test_an_error_that_is_lost_is_raised_again(monkeypatch):
    """As in a `__del__`, from which Python lets none out."""
    lost = []
    monkeypatch.setattr(time_limit, "AGAIN_S", 0.1)
    monkeypatch.setattr(sys, "unraisablehook", lambda told: lost.append(told.exc_type))

    class Slow:
        def __del__(self):
            time.sleep(0.2)

    with pytest.raises(TimeoutError), limited(0.05):
        Slow()
        while True:
            time.sleep(0.01)
    assert lost == [TimeoutError]
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
