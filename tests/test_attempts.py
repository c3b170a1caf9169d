"""Which training took the search down with it."""

import pytest

from components.core.attempts import Attempts


def after(*events):
    attempts = Attempts()
    for kind, number in events:
        attempts.take_in({kind: number})
    return attempts


def test_an_attempt_that_ended_is_no_suspect():
    attempts = after(("attempt", 1), ("attempt", 2), ("released", 2))
    attempts.end(1)
    assert attempts.suspects() == []


def test_an_attempt_without_an_end_is_a_suspect_and_stays_one_while_it_is_tried_again():
    assert after(("attempt", 3)).suspects() == [3]
    assert after(("attempt", 3), ("attempt", 3), ("released", 3)).suspects() == [3]


def test_a_large_one_that_ended_the_search_twice_is_guilty():
    once = [("attempt", 3), ("large", 3)]
    assert not after(*once).is_guilty(3)
    assert after(*once, *once).is_guilty(3)


def test_one_that_was_never_large_is_not_guilty_of_a_few_ends():
    assert not after(*[("attempt", 3)] * 9).is_guilty(3)
    assert after(*[("attempt", 3)] * 10).is_guilty(3)


def test_a_result_clears_a_trial():
    attempts = after(("attempt", 3), ("large", 3), ("attempt", 3), ("large", 3))
    attempts.end(3)
    assert not attempts.is_guilty(3) and attempts.suspects() == []


@pytest.mark.parametrize("event", [{"attempt": -1}, {"attempt": True}, {"other": 1}, {"attempt": 1, "large": 1}])
def test_what_is_no_event_is_refused(event):
    with pytest.raises(ValueError, match="an event must be one of"):
        Attempts().take_in(event)
