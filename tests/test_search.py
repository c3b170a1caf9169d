"""The search with real worker processes, on data and networks that train in no time."""

import json
import subprocess
import sys

import pytest

from components.core import artifacts, journal
from components.core.data import DatasetInfo, Labelled, TrainingData
from components.core.hyperparameters import read_hyperparameters
from components.experiment import EXPERIMENT
from components.tune.search import SearchSettings, search
from tests import fork, runs
from tests.idx import draw

SETTINGS = {**runs.SMALL, "stop_trials_early": True, "workers": 1}
LONG = {"max_trials": 9, "trial_epochs": 6, "training_epochs": 8, "workers": 2}


def lines(state_dir):
    """Return a journal's trials as dictionaries, by number and without their seconds."""
    trials = journal.in_order(journal.read(state_dir / journal.FILE_NAME).trials)
    return runs.without_seconds([trial.as_dict() for trial in trials])


@pytest.fixture(scope="module")
def two_workers(finished_run, tmp_path_factory):
    """Return (result, state folder) of the search of `finished_run`, with two workers in place of one."""
    folder = tmp_path_factory.mktemp("two")
    data = finished_run.folder / "prepare" / "training_data"
    return search(EXPERIMENT, data, SearchSettings(**{**SETTINGS, "workers": 2}), folder), folder


def test_two_workers_leave_a_journal_with_every_trial_once(two_workers):
    result, folder = two_workers

    assert [line["number"] for line in lines(folder)] == [0, 1, 2]
    assert result.best in result.trials


def test_a_trials_result_does_not_depend_on_the_worker(two_workers, finished_run):
    _, folder = two_workers

    assert lines(folder) == runs.without_seconds(finished_run.summary["trials"])


def test_a_journals_hyperparameters_are_a_point_of_the_search_space(two_workers):
    for line in lines(two_workers[1]):
        values = line["hyperparameters"]
        assert len(read_hyperparameters(EXPERIMENT.search_space, values).units) == values["hidden_layers"]


def test_the_timeline_has_a_span_a_stretch(two_workers):
    spans = [json.loads(line) for line in (two_workers[1] / "timeline.jsonl").read_text().splitlines()]

    assert sorted(span["number"] for span in spans) == [0, 1, 2]
    assert {span["worker"] for span in spans} <= {0, 1}
    assert all(span["started"] <= span["ended"] for span in spans)


@pytest.fixture(scope="module")
def forked(tmp_path_factory):
    """Return a function that copies the project with a small network, some of its text replaced."""

    def make(replacements=()):
        folder = fork.with_small_network(tmp_path_factory.mktemp("fork"))
        network = folder / fork.NETWORK
        for old, new in replacements:
            assert old in network.read_text()
            network.write_text(network.read_text().replace(old, new))
        return folder

    return make


@pytest.fixture(scope="module")
def training_data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artifact") / "training_data"
    labelled = [Labelled(*draw(n_images, seed=n_images)) for n_images in (120, 60)]
    info = DatasetInfo("drawn", ("0", "1", "2"), (6, 4))
    artifacts.write_training_data(TrainingData(*labelled, info, ""), folder)
    return folder


def run_search(source, training_data, state_dir, **changes):
    """Run a search of the project in `source`, in a process of its own."""
    settings = json.dumps({**SETTINGS, **changes})
    words = [sys.executable, "-m", "tests.search_process", str(training_data), str(state_dir), settings]
    environment = runs.environment(PYTHONPATH=str(source))
    return subprocess.run(words, cwd=source, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def small(forked):
    return forked()


@pytest.fixture(scope="module")
def long_search(small, training_data, tmp_path_factory):
    """Return the state folder of a search beyond its initial points and its lowest rung."""
    folder = tmp_path_factory.mktemp("long")
    done = run_search(small, training_data, folder, **LONG)
    assert done.returncode == 0, done.stderr
    return folder


def rounds_of(state_dir):
    return journal.read(state_dir / journal.FILE_NAME).rounds


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3, 5])
def test_the_number_of_workers_changes_nothing(long_search, small, training_data, tmp_path, workers):
    done = run_search(small, training_data, tmp_path, **{**LONG, "workers": workers})

    assert done.returncode == 0, done.stderr
    assert lines(tmp_path) == lines(long_search)
    assert rounds_of(tmp_path) == rounds_of(long_search)


@pytest.mark.slow
def test_a_trial_that_went_on_from_its_weights_is_the_longer_training(long_search, small, training_data, tmp_path):
    """Without rungs every trial is trained in one go: what both searches tried gave the same figures."""
    run_search(small, training_data, tmp_path, **{**LONG, "stop_trials_early": False})
    whole = {str(trial["hyperparameters"]): trial for trial in lines(tmp_path)}
    both = [trial for trial in lines(long_search) if str(trial["hyperparameters"]) in whole]

    assert any(trial["epochs"] == 6 for trial in both)
    for trial in both:
        assert trial["curve"] == whole[str(trial["hyperparameters"])]["curve"][: trial["epochs"]]


@pytest.mark.slow
def test_trials_that_are_not_among_the_best_third_end_at_their_rung(long_search):
    trials = lines(long_search)

    assert {trial["epochs"] for trial in trials if trial["status"] == "completed"} == {6}
    assert {trial["epochs"] for trial in trials if trial["status"] == "stopped"} == {2}
    assert all("best third after 2 epochs" in trial["reason"] for trial in trials if trial["status"] == "stopped")


@pytest.mark.slow
def test_a_search_can_go_on_with_more_trials(long_search, small, training_data, tmp_path):
    for max_trials in (6, 9):
        done = run_search(small, training_data, tmp_path, **{**LONG, "max_trials": max_trials})
        assert done.returncode == 0, done.stderr

    assert (
        len(lines(tmp_path)) == 9
        and rounds_of(tmp_path)[0] == rounds_of(long_search)[0][: len(rounds_of(tmp_path)[0])]
    )


@pytest.mark.slow
def test_the_plan_is_told_with_its_time_before_anything_starts(small, training_data, tmp_path):
    done = run_search(small, training_data, tmp_path)

    assert "3 configurations, 2 epochs, 2 finalists of 3 epochs, about " in done.stdout.splitlines()[0]
    assert "on 1 processor" in done.stdout.splitlines()[0]


@pytest.mark.slow
def test_a_time_budget_is_planned_once_and_kept(small, training_data, tmp_path):
    done = run_search(small, training_data, tmp_path, time_budget_s=60, workers=2)
    header = journal.read(tmp_path / journal.FILE_NAME).header

    assert done.returncode == 0, done.stderr
    assert header["time_budget_s"] == 60 and header["plan"]["max_trials"] > 3
    assert len(lines(tmp_path)) == header["plan"]["max_trials"]
    again = run_search(small, training_data, tmp_path, time_budget_s=60, workers=1)
    assert again.returncode == 0, again.stderr
    assert journal.read(tmp_path / journal.FILE_NAME).header == header


@pytest.mark.slow
def test_a_trial_whose_loss_is_no_number_is_recorded_with_its_reason(long_search):
    """A rate of 1e38 can't be trained with; of the trials some have it."""
    trials = lines(long_search)
    failed = [trial for trial in trials if trial["status"] == "failed"]

    assert failed and failed == [trial for trial in trials if trial["hyperparameters"]["learning_rate"] == 1e38]
    assert all("loss is not finite" in trial["reason"] and trial["validation_accuracy"] is None for trial in failed)


RAISES = "(_ for _ in ()).throw(ValueError('no such layer'))"
BROKEN = [("hyperparameters: hyperparameters.batch_size", f"hyperparameters: {RAISES}")]


@pytest.fixture(scope="module")
def broken(forked):
    """Return the project with a network that can be built and never be trained."""
    return forked(BROKEN)


@pytest.mark.slow
def test_a_search_whose_first_trials_all_fail_alike_ends_early_and_again_when_restarted(
    broken, training_data, tmp_path
):
    for _ in range(2):
        done = run_search(broken, training_data, tmp_path, max_trials=20)

        assert done.returncode == 1
        assert "all 3 first trials failed with the same cause: ValueError: no such layer" in done.stderr
        assert [trial["status"] for trial in lines(tmp_path)] == ["failed"] * 3


@pytest.mark.slow
def test_a_search_in_which_no_trial_came_to_a_result_is_an_error(broken, training_data, tmp_path):
    done = run_search(broken, training_data, tmp_path, max_trials=2)

    assert done.returncode == 1
    assert "none of 2 trials came to a result: 2 times ValueError: no such layer" in done.stderr


@pytest.mark.slow
def test_a_search_ends_when_its_space_holds_no_other_point(forked, training_data, tmp_path):
    few_points = [
        ('hp.Int("units", 4, 64, default=8)', "8"),
        ("[1e-3, 3e-3, 1e-2, 3e-2, 1e38]", "[1e-2]"),
        ("[32, 64, 128], default=64", "[32, 64], default=64"),
    ]

    done = run_search(forked(few_points), training_data, tmp_path, max_trials=9, workers=2)

    assert done.returncode == 0, done.stderr
    assert sorted(trial["hyperparameters"]["batch_size"] for trial in lines(tmp_path)) == [32, 64]
    assert "holds no untried point after 2 trials" in done.stdout
