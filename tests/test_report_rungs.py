"""The report on a search in rungs: budgets, rounds and finals, each figure against what can be worked by hand."""

import dataclasses
import json
import statistics

import pytest

from components.core import artifacts, files, journal
from components.evaluate import finals, rungs, trials
from components.evaluate.inputs import ReportInputs
from components.evaluate.marks import kinds
from components.evaluate.model_card import model_card
from components.evaluate.objective import Objective
from components.evaluate.report import render
from components.evaluate.rungs import Gain, Rung
from components.evaluate.timeline_figure import busy_share, starts_of_rounds, timeline
from components.evaluate.trials import SearchRecord, Span
from local.report import read_run
from tests import report_samples
from tests.report_page import Document, parsed, text_in
from tests.report_samples import PLAN, trial

RUNGS = (1, 2, 4)


@pytest.fixture(scope="module")
def climbing():
    """Three trials that reached 1, 2 and 4 epochs, and one that failed in its second stretch."""
    curves = {0: [0.5], 1: [0.6, 0.7], 2: [0.6, 0.8, 0.8, 0.9]}
    statuses = {0: "stopped", 1: "stopped", 2: "completed"}
    found = [trial(n, statuses[n], curve=curve) for n, curve in curves.items()]
    found.append(trial(3, "failed", reason="out of memory", curve=[0.4]))
    return SearchRecord(found, [], rungs=RUNGS)


def test_each_rung_is_told_by_the_trials_that_reached_it(climbing):
    assert rungs.rungs_of(climbing) == [
        Rung(1, 4, 2, pytest.approx(0.55), 0.6),
        Rung(2, 2, 1, pytest.approx(0.75), 0.8),
        Rung(4, 1, 0, 0.9, 0.9),
    ]


def test_a_gain_is_the_mean_over_those_that_reached_both_rungs(climbing):
    assert rungs.gains(climbing) == [Gain(1, 2, pytest.approx(0.15)), Gain(2, 4, pytest.approx(0.1))]


def test_a_trial_of_a_lower_rung_counts_as_if_it_had_gained_as_the_others_did(climbing):
    """0.5 + 0.15 + 0.1, 0.7 + 0.1, 0.9; the failed one counts nothing."""
    scores = {each.trial.number: each.score for each in rungs.comparable(climbing)}

    assert scores == {0: pytest.approx(0.75), 1: pytest.approx(0.8), 2: pytest.approx(0.9)}


def test_where_less_is_better_what_is_gained_is_lost():
    falling = [trial(0, "stopped", curve=[0.9]), trial(1, curve=[0.8, 0.5])]
    search = SearchRecord(falling, [], Objective("loss", "min"), rungs=(1, 2))

    assert [each.score for each in rungs.comparable(search)] == [pytest.approx(0.6), 0.5]
    assert [rung.best for rung in rungs.rungs_of(search)] == [0.8, 0.5]


def test_before_a_trial_has_gone_on_all_count_with_what_they_have():
    search = SearchRecord([trial(0, "stopped", curve=[0.5]), trial(1, "stopped", curve=[0.7])], [], rungs=(1, 2))

    assert rungs.gains(search) == [] and [each.score for each in rungs.comparable(search)] == [0.5, 0.7]


def test_an_older_trial_that_ended_below_the_only_rung_counts_with_what_it_had():
    search = SearchRecord([trial(0, curve=[0.5, 0.6]), trial(1, "stopped", curve=[0.3])], [])

    assert search.rungs == (2,) and [each.score for each in rungs.comparable(search)] == [0.6, 0.3]


def test_trials_look_alike_by_the_rung_that_they_reached(climbing):
    assert {kind.label: kind.numbers for kind in kinds(climbing)} == {"1 epoch": {0}, "2 epochs": {1}, "4 epochs": {2}}


def test_without_rungs_trials_look_alike_by_their_status():
    search = SearchRecord([trial(0, curve=[0.5, 0.6]), trial(1, "stopped", curve=[0.3])], [])

    assert {kind.label: kind.numbers for kind in kinds(search)} == {"completed": {0}, "stopped": {1}}


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ({"plan": PLAN.as_dict()}, ((2, 6, 18), PLAN)),
        ({"rungs": [2, 6, 18], "round_size": 6}, ((2, 6, 18), None)),
        ({"trial_epochs": 18}, ((18,), None)),
    ],
    ids=["the artifact", "the search's own file", "an older journal"],
)
def test_the_rungs_come_from_the_header_or_else_from_the_longest_curve(tmp_path, header, found):
    with journal.Journal.open(tmp_path, header) as book:
        for each in report_samples.search(3).trials:
            book.append(each)
    search = trials.read(tmp_path)

    assert (search.rungs, search.plan) == found


def test_the_plan_is_told_in_the_words_of_the_console():
    text = text_in(report_samples.run(24))

    assert f"Plan: {PLAN}. Rounds of 6 trainings" in text and "at epoch 2 and 6 the best third" in text


def test_a_plan_without_rungs_is_told_without_them():
    plan = report_samples.dataclasses.replace(PLAN, rungs=(18,))
    search = SearchRecord([trial(0, curve=[0.5] * 18)], [], plan=plan)
    text = text_in(ReportInputs(search))

    assert "24 configurations, 18 epochs" in text and "best third" not in text and "Rung" not in text


def test_the_figure_of_the_curves_says_how_many_came_how_far():
    labels = [attributes.get("aria-label", "") for _, attributes in parsed(report_samples.run(24, 22)).elements]

    assert any("22 reached 2 epochs, 7 reached 6 epochs, 2 reached 18 epochs" in label for label in labels)


def test_a_failed_trials_epochs_are_shown_with_its_reason(climbing):
    row = next(row for row in parsed(ReportInputs(climbing)).rows if row[:2] == ["3", "failed"])

    assert row[2:6] == ["1", "1", "–", "–"] and row[-1] == "out of memory"


def spans(*ends, round=0):
    return [Span(n, n % 2, 0.0, end, "finished", 2, round) for n, end in enumerate(ends)]


def test_the_busy_share_is_what_was_trained_of_what_the_workers_had():
    """Two workers for 4 seconds, 4 and 2 of them spent in training."""
    assert busy_share(spans(4.0, 2.0)) == pytest.approx(6 / 8)


def test_a_worker_of_another_machine_has_time_from_its_first_stretch_to_its_loss():
    """Of ten seconds; one machine is there for the last four, another one is lost after three, two of them busy."""
    here = Span(0, 0, 0.0, 10.0, "finished", 2, 0)
    late = Span(1, 5, 6.0, 9.0, "finished", 2, 0, "late:1")
    lost = [Span(2, 6, 0.0, 1.0, "finished", 2, 0, "lost:1"), Span(3, 6, 2.0, 3.0, "lost", 2, 0, "lost:1")]

    assert busy_share([here, late, *lost]) == pytest.approx((10 + 3 + 2) / (10 + 4 + 3))


def test_the_machines_are_listed_with_what_each_did(climbing):
    here = Span(0, 0, 0.0, 2.0, "finished", 1, 0)
    there = [Span(1, 2, 0.0, 4.0, "lost", 1, 0, "pod-0:1"), Span(1, 3, 5.0, 10.0, "finished", 1, 0, "pod-0:1")]
    search = dataclasses.replace(climbing, spans=[here, *there])

    rows = [row for row in parsed(ReportInputs(search)).rows if row[:1] in (["pod-0:1"], ["the one that searched"])]

    assert rows == [["pod-0:1", "2 and 3", "1", "2", "9.0", "100.0%", "1"],
                    ["the one that searched", "0", "1", "1", "2.0", "20.0%", "0"]]  # fmt: skip
    assert "Machines" not in text_in(ReportInputs(dataclasses.replace(climbing, spans=[here])))


def test_a_round_begins_with_its_first_stretch():
    later = [Span(2, 0, 5.0, 6.0, "finished", 2, 1), Span(0, 1, 4.5, 7.0, "finished", 6, 1)]

    assert starts_of_rounds([*spans(4.0, 2.0), *later]) == [4.5]


def test_stretches_are_coloured_by_the_rung_that_they_led_to_and_lost_ones_apart():
    lost = Span(9, 1, 3.0, 4.0, "lost", 2, 0)
    drawn = timeline([*spans(4.0, 2.0), Span(0, 0, 4.0, 9.0, "finished", 6, 1), lost], (2, 6))

    assert all(f">{label}</text>" in drawn for label in ("to 2 epochs", "to 6 epochs", "lost"))


def test_an_older_timeline_is_coloured_by_how_trials_ended():
    drawn = timeline([Span(0, 0, 0.0, 2.0, "completed"), Span(1, 1, 0.0, 1.0, "stopped")], (6,))

    assert ">completed</text>" in drawn and ">stopped</text>" in drawn and "epochs" not in drawn


def written_run(folder):
    """Write what a finished run leaves of its search and its finals, and return the folder."""
    sample = report_samples.run(24, 22)
    with artifacts.writing(folder / "tune" / "trials", "trials") as part:
        lines = [{"format": 3, "plan": PLAN.as_dict()}, *(each.as_dict() for each in sample.search.trials)]
        (part / journal.FILE_NAME).write_text("".join(json.dumps(line) + "\n" for line in lines))
    artifacts.write_history(sample.history, folder / "train" / "history")
    files.write_json({"parameters": {"seed": 7}}, folder / "run.json")
    return folder


def test_scores_in_the_report_can_be_worked_out_from_the_artifact(tmp_path):
    """A score: the mean over the last sixth of the curve, at least its last epoch."""
    folder = written_run(tmp_path)
    _, *lines = map(json.loads, (folder / "tune" / "trials" / journal.FILE_NAME).read_text().splitlines())
    ends = {line["number"]: line["curve"][-max(1, round(len(line["curve"]) / 6)) :] for line in lines}
    rows = [row for row in Document(render(read_run(folder))).rows if row[1] in journal.STATUSES]

    shown = {int(row[0]): row[4] for row in rows}
    assert shown == {n: f"{statistics.fmean(end):.4f}" if end else "–" for n, end in ends.items()}


def test_finals_in_the_report_can_be_worked_out_from_the_artifact(tmp_path):
    folder = written_run(tmp_path)
    history = json.loads((folder / "train" / "history" / "history.json").read_text())
    best = {(each["number"], each["seed"]): max(each["curve"]) for each in history["finals"]}
    rows = Document(render(read_run(folder))).rows

    assert [row[:2] + row[4:] for row in rows if len(row) == 5 and row[0] in "01"] == [
        [str(number), str(seed), f"{value:.4f}"] for (number, seed), value in best.items()
    ]
    mean, deviation = statistics.fmean([best[0, 7], best[0, 8]]), statistics.stdev([best[0, 7], best[0, 8]])
    assert ["0", "2", f"{mean:.4f}", f"{deviation:.4f}"] in rows and ["1", "1", f"{best[1, 7]:.4f}", "–"] in rows


def test_the_model_is_the_final_that_its_description_names():
    found = finals.finals_of(report_samples.run(3))

    assert [(each.number, each.seed) for each in found if each.is_kept] == [(0, 7)]
    assert "The model is trial 0 with seed 7, the best of 3" in text_in(report_samples.run(3))


def test_of_a_refitted_model_no_figure_is_called_its_own():
    whole = report_samples.run(3)
    described = {**whole.evaluation.model, "refit": True, "n_validation_examples": 6_000}
    refitted = dataclasses.replace(whole, evaluation=dataclasses.replace(whole.evaluation, model=described))
    page, card = text_in(refitted), " ".join(model_card(refitted).split())

    assert "the final before the model was trained anew, trial 0 with seed 7, epoch 5" in page
    assert "the validation accuracy of the final that the model repeats" in page
    assert "The model repeats trial 0 with seed 7" in page and "the thick line is that of the best" in page
    assert "the best is bold" in page and "epoch 5 was the best" in page
    assert "54 000, those for validation among them" in page.replace("\u202f", " ").replace("\xa0", " ")
    assert (
        "the model repeats trial 0 with seed 7, the best of them" in card
        and "The best epoch of the best training to the end was 5, with a" in card
    )
    for claim in ("The model is trial", "the model is bold", "the model’s", "of the final model", "were kept"):
        assert claim not in page
    for claim in ("this is trial", "kept epoch"):
        assert claim not in card


def test_a_final_that_failed_is_called_so():
    described = {"number": 4, "seed": 7, "epochs": 0, "objective": None, "reason": "<b>no memory"}
    inputs = ReportInputs(model={"finals": [described]}, history=report_samples.history())
    rows = parsed(inputs).rows

    assert ["4", "7", "0", "–", "–"] in rows and not [row for row in rows if row[0] == "4" and len(row) == 4]
    assert "The final of trial 4 with seed 7 failed: <b>no memory." in text_in(inputs)


def test_finals_without_repeats_tell_no_spread():
    history = report_samples.history()
    history["finals"] = history["finals"][:2]
    document = parsed(ReportInputs(history=history))

    assert "final-spreads" not in {attributes.get("id") for _, attributes in document.elements}
    assert "nothing is known of its spread" in " ".join("".join(document.texts).split())


def test_an_older_runs_training_is_told_without_finals():
    history = {name: values for name, values in report_samples.history().items() if name != "finals"}
    document = parsed(ReportInputs(history=history))

    assert "final-curves" not in document.figures and "finals" not in {a.get("id") for _, a in document.elements}
    assert "The final training ran for 6 epochs" in " ".join("".join(document.texts).split())


def test_a_search_that_has_gone_on_is_read_from_its_state(tmp_path):
    folder = written_run(tmp_path)
    with journal.Journal.open(folder / "state", {"rungs": [2, 6, 18]}) as book:
        for each in report_samples.search(30).trials:
            book.append(each)

    assert len(read_run(folder).search.trials) == 30
