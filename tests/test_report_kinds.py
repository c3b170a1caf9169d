"""The report on other networks, other kinds of data and other objectives than those of the default run."""

import numpy as np
import pytest

from components.core import scores
from components.core.experiment import Metric
from components.evaluate import search_figures
from components.evaluate.evaluation import evaluate_logits
from components.evaluate.inputs import ReportInputs
from components.evaluate.marks import thinned, value_limits
from components.evaluate.objective import Objective
from components.evaluate.report import render
from components.evaluate.rungs import comparable
from components.pages import pictures
from components.pages.input_kind import InputKind
from components.pages.texts import class_labels, score_text
from tests import report_samples
from tests.report_page import Document, parsed, text_in

MACRO_F1 = Metric("macro F1", scores.macro_f1)
CROSS_ENTROPY = report_samples.CROSS_ENTROPY
LEAST = Objective("cross-entropy", "min")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((28, 28), "a grey image of 28 × 28 pixels"),
        ((28, 20, 1), "a grey image of 28 × 20 pixels"),
        ((32, 32, 3), "an RGB image of 32 × 32 pixels"),
        ((32, 32, 4), "an RGBA image of 32 × 32 pixels"),
        ((30,), "a row of 30 numbers"),
        ((8, 8, 7), "an array of 8 × 8 × 7 numbers"),
        ((4, 8, 8, 3), "an array of 4 × 8 × 8 × 3 numbers"),
    ],
)
def test_an_input_is_named_for_what_it_is(shape, words):
    assert InputKind(shape).one == words


def test_mistakes_in_colour_are_shown_in_colour():
    drawn = pictures.picture(np.array([[[255, 0, 0], [255, 0, 0], [0, 0, 255]]], np.uint8), "x")

    assert 'fill="#ff0000"' in drawn and 'stroke="#0000ff" d="M2 0.5h1"' in drawn


def test_what_is_transparent_is_on_white():
    assert pictures.levels(np.array([[[[10, 20, 30, 0]]]], np.uint8))[0].tolist() == [[[[255, 255, 255]]]]


@pytest.mark.parametrize(
    ("values", "shown", "stretched"),
    [([0.0, 1.0], [0, 255], False), ([0.0, 255.0], [0, 255], False), ([-1.0, 3.0], [0, 255], True)],
)
def test_images_of_fractions_are_shown_from_black_to_white(values, shown, stretched):
    pixels, was_stretched = pictures.levels(np.array([[values]], np.float32))

    assert (pixels.tolist(), was_stretched) == ([[shown]], stretched)


@pytest.mark.parametrize("shape", [(32, 32, 3), (20, 30, 1), (16, 16, 4), (1, 300), (300, 1, 3)])
def test_images_of_any_size_have_a_gallery(shape):
    document = parsed(ReportInputs(evaluation=report_samples.evaluation(shape=shape)))

    assert "worst-mistakes" in document.figures and document.misplaced == []


@pytest.mark.parametrize("shape", [(30,), (1,), (4, 5, 6), (2, 3, 4, 5)])
def test_what_is_no_image_has_a_table_of_its_worst_rows(shape):
    evaluation = report_samples.evaluation(("yes", "no"), shape=shape, dtype="float32", skill=0.5)
    document, worst = parsed(ReportInputs(evaluation=evaluation)), evaluation.mistakes[0]
    row = next(row for row in document.rows if row[0] == str(worst.index) and len(row) > 4)

    assert "worst-mistakes" not in document.figures and ("ul", {"class": "gallery"}) not in document.elements
    assert row[1:4] == [("yes", "no")[worst.true], ("yes", "no")[worst.predicted], f"{worst.confidence:.3f}"]
    assert len(row) == 4 + min(8, int(np.prod(shape)))


def test_rows_of_numbers_are_called_examples():
    text = text_in(ReportInputs(evaluation=report_samples.evaluation(shape=(30,), dtype="float32")))

    assert "of 200 test examples correctly" in text and "test image" not in text


def test_many_classes_have_their_worst_confusions_in_place_of_a_matrix():
    data = report_samples.test_data([f"class {n}" for n in range(41)], n=82)
    logits = 9.0 * np.eye(41)[data.test.labels]
    logits[[3, 44]] = 9.0 * np.eye(41)[7]
    document = parsed(ReportInputs(evaluation=evaluate_logits(logits, data, {}, n_trials=0)))

    assert "confusion-matrix" not in document.figures
    assert ["class 3", "class 7", "2", "100.0%"] in document.rows


def test_of_many_classes_the_weakest_are_listed_first():
    names = [f"class {n}" for n in range(60)]
    rows = parsed(ReportInputs(evaluation=report_samples.evaluation(names, n=600))).rows
    f1 = [row[5] for row in rows if len(row) == 7 and row[0] in names]

    assert len(f1) == 60 and f1 == sorted(f1)


def test_a_thousand_classes_with_long_names_stay_below_two_megabytes():
    names = [f"n{n:08d} {'a name of some length ' * 5}" for n in range(1000)]

    assert len(render(report_samples.run(20, names=names, n=10_000)).encode()) < 2_000_000


def test_equal_names_are_told_apart_by_their_number():
    assert class_labels(["a", "b", "a"], 10) == ["0 a", "1 b", "2 a"]


def test_names_that_were_cut_to_the_same_are_told_apart_by_their_number():
    assert class_labels(["x" * 30 + "1" + "x" * 30, "x" * 30 + "2" + "x" * 30], 12) == ["0 xxxxxx…xxx", "1 xxxxxx…xxx"]


def test_a_class_without_a_name_has_its_number():
    assert class_labels(["a", ""], 10) == ["0 a", "1"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.9, "0.9000"), (0, "0.0000"), (12.34567, "12.3457"), (1234567.0, "1.235e+06"), (-2e-5, "-2e-05")],
)
def test_a_score_of_any_size_can_be_read(value, text):
    assert score_text(value) == text


def test_the_objective_is_called_by_its_name():
    text = text_in(report_samples.run(20, objective=MACRO_F1))

    assert (
        "the mean validation macro F1 over the last sixth" in text
        and "Test macro F1" in text
        and "Validation macro F1" in text
    )
    assert "validation accuracy of" not in text


def test_another_objective_has_learning_curves_of_its_own():
    drawn = [
        attributes["aria-label"]
        for tag, attributes in parsed(report_samples.run(3, objective=CROSS_ENTROPY)).elements
        if tag == "svg"
    ]

    assert sum(" by epoch: " in label for label in drawn) - 1 == 4  # the finals are drawn, too


def test_the_trial_with_the_lowest_value_is_the_best_where_less_is_better():
    record = report_samples.older_search(0.8, 0.3, 0.5, objective=CROSS_ENTROPY)

    assert "The best is trial 1 with the lowest score, 0.3000" in text_in(ReportInputs(record))


def test_where_less_is_better_the_best_so_far_never_rises():
    search = report_samples.older_search(0.8, 0.3, 0.5, objective=CROSS_ENTROPY)

    assert search_figures.best_so_far(search).tolist() == [0.8, 0.3, 0.3]


def test_where_less_is_better_outliers_are_those_far_above():
    low, high = value_limits([0.9, 0.12, 0.11, 0.1, 0.1], "min")

    assert 0.08 < low < 0.1 and 0.12 < high < 0.2


def test_thinning_keeps_the_lowest_where_less_is_better():
    search = report_samples.older_search(*((n * 37 % 100 + 1) / 101 for n in range(100)), objective=CROSS_ENTROPY)

    assert search.best in [each.trial for each in thinned(comparable(search), LEAST, 20)]


def test_a_hostile_objective_is_shown_as_text():
    hostile = Metric('</script><b>"&' + "long " * 60, scores.accuracy)
    document = parsed(report_samples.run(20, objective=hostile))

    assert document.misplaced == [] and not {"script", "b"} & {tag for tag, _ in document.elements}


def test_hyperparameters_that_are_fixed_are_told_once_and_not_drawn():
    document = parsed(report_samples.run(20))
    labels = [attributes.get("aria-label", "") for _, attributes in document.elements]

    assert "The same in every trial: label_smoothing 0.1." in " ".join("".join(document.texts).split())
    assert not any("label_smoothing" in label for label in labels)


def test_a_further_metric_is_shown_by_name():
    found = report_samples.evaluation(further=(Metric("my measure", lambda labels, logits: 0.125),))

    assert "My measure0.1250" in text_in(ReportInputs(evaluation=found))


def test_a_page_of_an_older_run_without_a_space_is_drawn():
    document = Document(render(ReportInputs(report_samples.older_search(*np.linspace(0.6, 0.9, 20)))))

    assert not {"Rung", "Plan"} & set(document.texts)
    assert {"trial-curves", "parallel-coordinates", "importance", "hyperparameter-slices"} <= set(document.figures)
