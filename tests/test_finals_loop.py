"""The finals while they run, with workers that are made up."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from components.core import events
from components.train.finals_loop import MAX_ATTEMPTS, FinalsLoop
from components.workers.pool import Finished, Lost, Note, Progress
from components.workers.stretch import Stretch

MEMORY = 900


@dataclass(frozen=True)
class Training:
    """A final of which only the name and the end matter."""

    name: str
    course = SimpleNamespace(end=4)

    def stretch(self, place):
        return Stretch(place, {}, last=4, n_epochs=4, seed=0, checkpoint="")

    def read(self):
        best = SimpleNamespace(objective=0.9, number=3)
        return SimpleNamespace(epochs=[1, 2, 3, 4], best=best)


class Pool:
    """Workers that end what they are given at once, one after the other, as `endings` says by place."""

    def __init__(self, n_workers, endings):
        self.n_workers = n_workers
        self._slots = [None] * n_workers
        self._endings = {place: list(each) for place, each in endings.items()}
        self.begun, self.memory = [], []

    @property
    def idle(self):
        return [slot for slot, place in enumerate(self._slots) if place is None]

    @property
    def running(self):
        return {place for place in self._slots if place is not None}

    def assign(self, slot, stretch):
        self._slots[slot] = stretch.number
        self.begun.append((stretch.number, len(self.running)))
        self.memory.append((stretch.memory_bytes, stretch.memory_bytes_alone))

    def wait(self):
        slot = next(slot for slot, place in enumerate(self._slots) if place is not None)
        place, self._slots[slot] = self._slots[slot], None
        return [self._endings[place].pop(0)(place, slot)]


def ended(status, reason=None):
    outcome = SimpleNamespace(status=status, reason=reason, traceback="Traceback: all of it")
    return lambda place, slot: Finished(place, slot, 1.0, outcome)


def lost(place, slot):
    return Lost(place, slot, 1.0, "its worker was killed by SIGKILL", log="the last words")


def lost_in_start_up(place, slot):
    return Lost(place, slot, 1.0, "its worker ended with exit status 1", had_begun=False)


def run(endings, n_workers=2):
    pool = Pool(n_workers, endings)
    trainings = [Training(f"trial {place} seed 0") for place in endings]
    return FinalsLoop(trainings, pool, list(endings), memory_bytes=MEMORY).run(), pool


DONE = ended("finished")


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(events, "listener", events.Forwarding(lines.append))
    return lines


def test_finals_begin_in_their_order_as_many_at_once_as_there_are_workers():
    reasons, pool = run({0: [DONE], 1: [DONE], 2: [DONE]})

    assert reasons == {} and pool.begun == [(0, 1), (1, 2), (2, 2)]


def test_what_needs_too_much_memory_runs_alone_when_the_others_have_ended():
    reasons, pool = run({0: [ended("deferred"), DONE], 1: [ended("deferred"), DONE], 2: [DONE]}, n_workers=3)

    assert reasons == {} and pool.begun[3:] == [(0, 1), (1, 1)]
    assert pool.memory == [(MEMORY // 3, MEMORY)] * 3 + [(MEMORY, MEMORY)] * 2


def test_what_runs_alone_is_tried_again_alone_when_its_worker_was_lost():
    reasons, pool = run({0: [ended("deferred"), lost, DONE], 1: [DONE, DONE]})

    assert reasons == {} and pool.begun[2:] == [(0, 1), (0, 1)] and pool.memory[2:] == [(MEMORY, MEMORY)] * 2


def test_a_final_that_lost_its_worker_is_tried_again_and_a_warning_says_so(capsys):
    reasons, pool = run({0: [lost, DONE]})

    assert reasons == {} and len(pool.begun) == 2
    assert "the final of trial 0 seed 0 is tried again: its worker was killed by SIGKILL" in capsys.readouterr().err


def test_a_final_that_lost_three_workers_is_left_out_with_their_last_words(capsys):
    reasons, pool = run({0: [lost] * MAX_ATTEMPTS, 1: [DONE]})

    assert reasons == {0: "its worker was killed by SIGKILL, 3 times"} and pool.begun.count((1, 2)) == 1
    assert (
        "failed and is left out: its worker was killed by SIGKILL, 3 times\nthe last words" in capsys.readouterr().err
    )


def test_a_worker_that_was_lost_in_its_start_up_is_no_attempt():
    reasons, _ = run({0: [lost_in_start_up] * MAX_ATTEMPTS + [lost, DONE]})

    assert reasons == {}


def test_a_final_that_failed_is_left_out_with_its_traceback(capsys):
    reasons, _ = run({0: [ended("failed", "ValueError: no")], 1: [DONE]})

    assert reasons == {0: "ValueError: no"}
    assert "ValueError: no\nTraceback: all of it" in capsys.readouterr().err


def test_epochs_and_endings_are_told(said):
    run({0: [DONE]})
    loop = FinalsLoop([Training("trial 7 seed 1")], None, [])
    loop._handle(Progress(0, 2, 0.85))
    loop._handle(Note("a note"))
    loop._handle(Note("a note"))

    assert said == [
        "final: trial 0 seed 0 finished after 4 epochs: best 0.9000 in epoch 3",
        "final: trial 7 seed 1 epoch 2/4: 0.8500",
        "a note",
    ]
