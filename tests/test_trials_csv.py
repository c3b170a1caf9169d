"""The trials as a table: what a spreadsheet reads of them is what the summary says."""

import csv
import io

import pytest

from local.trials_csv import as_csv


@pytest.mark.slow
def test_a_run_s_table_has_the_trials_of_its_summary(finished_run):
    rows = list(csv.DictReader(io.StringIO((finished_run.folder / "trials.csv").read_text())))

    trials = finished_run.summary["trials"]
    assert [int(row["number"]) for row in rows] == [trial["number"] for trial in trials]
    assert [list(map(float, row["curve"].split())) for row in rows] == [trial["curve"] for trial in trials]
    for row, trial in zip(rows, trials, strict=True):
        own = trial["hyperparameters"]
        assert {name: row[name] for name in own} == {name: str(value) for name, value in own.items()}


def test_what_a_trial_has_not_is_empty_and_what_is_odd_stays_in_its_cell():
    common = {"status": "failed", "validation_accuracy": None, "epochs": 0, "seconds": 0.5, "curve": []}
    trials = [
        {"number": 0, "reason": 'a "quoted", odd\nline', "hyperparameters": {"units": 3}, **common},
        {"number": 1, "reason": None, "hyperparameters": {"depth": 2}, **common},
    ]

    first, second = csv.DictReader(io.StringIO(as_csv(trials)))

    assert first["reason"] == 'a "quoted", odd\nline'
    assert (first["units"], first["depth"], first["validation_accuracy"]) == ("3", "", "")
    assert (second["units"], second["depth"], second["reason"]) == ("", "2", "")
