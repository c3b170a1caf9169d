"""Following a run by what it has written: to its end, or until nobody goes on with it."""

import fcntl
import io
import shutil
import threading

import pytest
from rich.console import Console

from components.core import journal
from components.core.errors import InvalidInput
from local import walker, watch

pytestmark = pytest.mark.slow


def shown(folder, is_terminal=False):
    """Return how a run stood at the end, and what was shown of it."""
    text = io.StringIO()
    view = watch.watch(folder, Console(file=text, force_terminal=is_terminal, width=200))
    return view, text.getvalue()


@pytest.fixture
def unfinished(finished_run, tmp_path, monkeypatch):
    """Return the folder of a run that nobody goes on with, two of whose trials have a result."""
    monkeypatch.setattr(watch, "QUIET_S", 0.0)
    monkeypatch.setattr(watch, "PAUSE_S", 0.01)
    folder = tmp_path / "run"
    (folder / "state").mkdir(parents=True)
    shutil.copy(finished_run.folder / "run.json", folder)
    lines = (finished_run.folder / "state" / journal.FILE_NAME).read_text().splitlines(keepends=True)
    results = [index for index, line in enumerate(lines) if '"number"' in line and '"round"' not in line]
    (folder / "state" / journal.FILE_NAME).write_text("".join(lines[: results[1] + 1]))
    return folder, "".join(lines[results[1] + 1 :])


def test_a_run_that_has_ended_is_shown_at_once(finished_run):
    view, text = shown(finished_run.folder)

    trials = finished_run.summary["trials"]
    assert view.state == "ended" and [trial.number for trial in view.trials] == [each["number"] for each in trials]
    assert len(text.splitlines()) == len(trials) + 1
    assert text.splitlines()[-1].startswith("ended: 3 of 3 trials, ")


def test_a_run_that_nobody_goes_on_with_is_said_to_be_interrupted(unfinished):
    folder, _ = unfinished

    view, text = shown(folder)

    assert view.state == "interrupted" and len(view.trials) == 2
    assert text.splitlines()[-1].startswith("interrupted: 2 of 3 trials, ")


def test_a_run_is_followed_while_it_goes_on(unfinished):
    folder, rest = unfinished
    found = {}
    with open(folder / walker.LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread = threading.Thread(target=lambda: found.update(zip(("view", "text"), shown(folder), strict=True)))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        with open(folder / "state" / journal.FILE_NAME, "a") as file:
            file.write(rest)
        (folder / watch.SUMMARY).write_text("{}")
        thread.join(30)

    assert found["view"].state == "ended" and len(found["view"].trials) == 3
    assert {f"trial {number} " for number in range(3)} == {line[:8] for line in found["text"].splitlines()[:-1]}


def test_on_a_terminal_the_best_trial_leads_the_table(finished_run):
    view, text = shown(finished_run.folder, is_terminal=True)

    assert "hyperparameters" in text and f"(trial {view.best.number})" in text


def test_watching_leaves_the_run_as_it_is(unfinished):
    folder, _ = unfinished
    (folder / walker.LOCK).touch()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    shown(folder)

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_folder_without_a_run_is_refused_by_name(tmp_path):
    with pytest.raises(InvalidInput, match="run must be the folder of a local run"):
        watch.watch(tmp_path, Console())
