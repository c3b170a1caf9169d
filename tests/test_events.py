"""What is said while a search runs: plain lines, and the display on a terminal."""

import io

import pytest
from rich.console import Console

from components.core import events
from local import display
from tests import report_samples
from tests.report_samples import trial

BEST = trial(3, curve=[0.8] * 17 + [0.8975] * 3)


@pytest.fixture
def lines():
    heard = []
    return events.Forwarding(heard.append), heard


def test_a_line_has_the_trials_own_number_and_how_many_have_begun():
    line = events.trial_line(trial(7, "stopped", curve=[0.8] * 5 + [0.8931], units_0=64), BEST, 9, 24)

    assert line.startswith("trial 7 (9 of 24): 0.8931 after 6 epochs, best 0.8975 (trial 3, 20 epochs), 1.5 s, hidden")
    assert "units_0=64" in line


def test_a_line_on_a_single_epoch_says_so():
    assert ": 0.5000 after 1 epoch, 1.5 s, " in events.trial_line(trial(0, "stopped", curve=[0.5]), None, 1, 24)


def test_a_line_on_a_failure_has_its_reason():
    line = events.trial_line(trial(0, "failed", reason="ValueError: no units"), BEST, 5, 24)

    assert line.startswith("trial 0 (5 of 24): failed: ValueError: no units, best 0.8975 (trial 3, ")


def test_a_search_that_goes_on_says_what_it_has(lines):
    listener, heard = lines
    listener.search_started([trial(0, curve=[0.5] * 6), trial(1, "stopped", curve=[0.5] * 2)], 40)

    assert heard == ["continuing the search after 2 trials, 8 of about 40 epochs"]


def test_a_new_search_says_nothing_of_an_earlier_part(lines):
    listener, heard = lines
    listener.search_started([], 40)

    assert heard == []


def shown(tell):
    """Return the last picture that a terminal's display shows after `tell` has told it something."""
    console = Console(file=io.StringIO(), force_terminal=True, width=120, record=True)
    terminal = display._OnTerminal(console)
    terminal.step_started("tune")
    tell(terminal)
    terminal.close()
    return console.export_text()


def test_the_bar_counts_the_epochs_of_all_trials_together():
    def tell(terminal):
        terminal.search_started([trial(0, "stopped", curve=[0.5] * 2)], 40)
        terminal.stretch_finished(trial(1, "stopped", curve=[0.5] * 2), None, 2, 24)
        terminal.stretch_finished(trial(0, curve=[0.5] * 6), None, 2, 24)

    assert "8/40 epochs" in shown(tell)


def test_more_epochs_than_planned_are_no_more_than_all():
    def tell(terminal):
        terminal.search_started([], 3)
        terminal.stretch_finished(trial(0, curve=[0.5] * 6), None, 1, 24)

    assert "6/6 epochs" in shown(tell)


def test_the_trials_heard_of_last_are_shown_with_their_own_numbers():
    def tell(terminal):
        terminal.search_started([], 100)
        for number in (0, 1, 2, 3, 4, 5, 6, 7, 0):
            terminal.stretch_finished(trial(number, curve=[0.5 + number / 100] * 2), None, 8, 24)

    rows = [line.split()[0] for line in shown(tell).splitlines() if " 1.5 " in line]
    assert rows[-6:] == ["3", "4", "5", "6", "7", "0"]


def test_the_samples_trials_can_all_be_told():
    assert all(events.trial_line(each, None, 24, 24) for each in report_samples.search(24, 20).trials)
