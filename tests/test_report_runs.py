"""The report made again from a run's folder, and several runs side by side."""

import io
import json

import pytest
from rich.console import Console

from components.core import artifacts, files, journal
from components.core.errors import InvalidInput
from components.evaluate import evaluation
from local import compare
from local.report import read_run, write_report
from tests import report_samples


def write_run(folder, n_trials=4, skill=2.0, finished=True, **parameters):
    """Write what a run leaves in its folder, without a model."""
    sample = report_samples.run(n_trials, skill=skill)
    parameters = {"data_source": "fashion-mnist", "seed": 7, **parameters}
    with journal.Journal.open(folder / "state", {"seed": 7}) as book:
        for trial in sample.search.trials:
            book.append(trial)
    files.write_json({"parameters": parameters}, folder / "run.json")
    if finished:
        artifacts.write_history(sample.history, folder / "train" / "history")
        evaluation.write(sample.evaluation, folder / "evaluate" / "evaluation")
        summary = {"test_accuracy": sample.evaluation.accuracy, "steps": {"tune": 3.0}, "parameters": parameters}
        summary["trials"] = [trial.as_dict() for trial in sample.search.trials]
        files.write_json(summary, folder / "summary.json")
    return folder


def test_the_report_shows_what_the_summary_holds(tmp_path):
    text = write_report(write_run(tmp_path, 2)).read_text()
    summary = json.loads((tmp_path / "summary.json").read_bytes())

    assert f'<data value="{summary["test_accuracy"]!r}">' in text
    assert all(f'<data value="{trial["validation_accuracy"]!r}">' in text for trial in summary["trials"])


def test_a_report_made_again_is_the_same(tmp_path):
    first = write_report(write_run(tmp_path, 1)).read_bytes()

    assert write_report(tmp_path).read_bytes() == first


def test_an_unfinished_run_has_a_report_of_what_there_is(tmp_path):
    text = write_report(write_run(tmp_path, finished=False, data_source="synthetic")).read_text()

    assert (
        "4 trials: 1 completed, 3 stopped early, 24 epochs in all." in text
        and "Unfinished" in text
        and "Synthetic data" in text
    )


def test_without_its_state_the_search_is_read_from_its_artifact(tmp_path):
    write_run(tmp_path)
    (tmp_path / "tune").mkdir()
    (tmp_path / "state").rename(tmp_path / "tune" / "trials")

    assert len(read_run(tmp_path).search.trials) == 4


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="output_dir must be the folder of a run"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_summary_is_refused_by_name(tmp_path):
    (write_run(tmp_path) / "summary.json").write_text("{")

    with pytest.raises(InvalidInput, match=r"summary\.json must hold a JSON object"):
        write_report(tmp_path)


def test_parameters_that_are_equal_are_left_out():
    assert compare.differing([{"seed": 1, "workers": 2}, {"seed": 3, "workers": 2}]) == ["seed"]


def test_a_parameter_that_a_run_does_not_have_differs():
    assert compare.differing([{"seed": 1}, {}]) == ["seed"]


def test_one_and_true_differ():
    assert compare.differing([{"x": 1}, {"x": True}]) == ["x"]


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return [write_run(root / "first", 3), write_run(root / "[bold]second<b>", 4, skill=1.0, seed=8)]


def shown(folders, html=None):
    """Return what the comparison prints on a wide terminal."""
    console = Console(width=200, record=True, file=io.StringIO())
    compare.compare(folders, html, console)
    return console.export_text()


def test_accuracies_are_shown_with_their_intervals(two_runs):
    found = read_run(two_runs[0]).evaluation

    assert f"{found.accuracy:.4f}" in shown(two_runs)
    assert "{:.4f} to {:.4f}".format(*found.accuracy_interval) in shown(two_runs)


def test_epochs_and_finals_are_shown_beside_the_trials(two_runs):
    """Three trials of 18, 2 and 2 epochs; finals with 0.95, 0.93 and 0.94."""
    results = compare.tables(compare.read_runs(two_runs))[0]
    row = dict(zip(results.header, results.rows[0], strict=True))

    assert (row["Trials"], row["Epochs"], row["Finals"]) == ("3", "22", "3 (mean 0.9400)")


def test_a_run_without_finals_has_none_to_show(tmp_path):
    (results, *_) = compare.tables(compare.read_runs([write_run(tmp_path / "begun", 2, finished=False)]))

    assert results.rows[0][results.header.index("Finals")] == "–"


def test_a_runs_name_is_shown_as_text(two_runs):
    assert "[bold]second<b>" in shown(two_runs)


def test_only_the_seed_differs(two_runs):
    table = next(table for table in compare.tables(compare.read_runs(two_runs)) if "differ" in table.title)

    assert (table.header, table.rows) == (["Run", "seed"], [["first", "7"], ["[bold]second<b>", "8"]])


def test_the_page_draws_the_searches_and_escapes_the_names(two_runs, tmp_path):
    shown(two_runs, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()

    assert '<figure id="search-curves">' in text and "<b>" not in text and "[bold]second&lt;b&gt;" in text


def test_an_unfinished_run_is_compared_as_far_as_it_goes(two_runs, tmp_path):
    text = shown([two_runs[0], write_run(tmp_path / "begun", 2, finished=False)])

    assert "1 run without a test accuracy: not finished." in text


def test_runs_of_one_name_are_told_apart_by_their_paths(tmp_path):
    runs = compare.read_runs([write_run(tmp_path / part / "run", 1, finished=False) for part in "ab"])

    assert [run.name for run in runs] == [str(tmp_path / "a" / "run"), str(tmp_path / "b" / "run")]


def test_runs_on_different_images_are_called_incomparable(tmp_path, two_runs):
    other = write_run(tmp_path / "other", 1)
    changed = evaluation.read(other / "evaluate" / "evaluation")
    changed.data["fingerprint"] = "cd" * 32
    evaluation.write(changed, other / "evaluate" / "evaluation")

    assert "can't be compared" in shown([two_runs[0], other])
