"""The report as text: what it says, what it escapes, and what it leaves out with a reason."""

import re

import numpy as np
import pytest

from components.core import journal
from components.evaluate.inputs import ReportInputs
from components.evaluate.report import render
from components.evaluate.trial_table import rows_shown
from components.evaluate.trials import SearchRecord
from tests import report_samples
from tests.report_page import Document, parsed

FIGURES = (
    "trial-curves",
    "search-history",
    "parallel-coordinates",
    "importance",
    "hyperparameter-slices",
    "timeline",
    "final-curves",
    "learning-curves",
    "confusion-matrix",
    "worst-mistakes",
    "calibration",
)


@pytest.fixture(scope="module")
def whole():
    return report_samples.run()


@pytest.fixture(scope="module")
def text(whole):
    return render(whole)


@pytest.fixture(scope="module")
def document(text):
    return Document(text)


def test_a_whole_run_has_every_figure(document):
    assert sorted(document.figures) == sorted(FIGURES)


def test_every_tag_is_closed_in_its_place(document):
    assert (document.misplaced, document._open) == ([], [])


def test_identifiers_are_unique(document):
    names = [attributes["id"] for _, attributes in document.elements if "id" in attributes]

    assert len(names) == len(set(names))


def test_every_drawing_has_an_alternative_text(document):
    drawings = [attributes for tag, attributes in document.elements if tag == "svg"]

    assert all(each["role"] == "img" and each["aria-label"] for each in drawings)


def test_every_figure_has_a_caption(document):
    tags = [tag for tag, _ in document.elements]

    assert tags.count("figure") == tags.count("figcaption")


def test_headings_step_down_by_one(document):
    levels = [int(tag[1]) for tag, _ in document.elements if re.fullmatch(r"h[1-6]", tag)]

    assert levels[0] == 1 and levels.count(1) == 1 and max(np.diff(levels)) <= 1


def test_nothing_is_run_and_nothing_is_fetched(document):
    tags = {tag for tag, _ in document.elements}
    places = [
        value
        for tag, attributes in document.elements
        for name, value in attributes.items()
        if name in ("src", "srcset", "data", "poster", "background") or (name.endswith("href") and tag != "a")
    ]

    assert not tags & {"script", "link", "iframe", "object", "embed", "img", "image", "base", "form"}
    assert all(place.startswith("#") for place in places)


def test_the_style_sheet_fetches_nothing(text):
    assert not re.findall(r"@import|url\((?!#)", text)


def test_the_page_says_its_language(document):
    assert document.elements[0] == ("html", {"lang": "en"})


def test_the_same_run_gives_the_same_page():
    inputs = ReportInputs(report_samples.search(2), report_samples.history())

    assert render(inputs) == render(inputs)


def test_the_table_holds_the_journal(whole, document):
    shown = [row[:6] for row in document.rows if row[1] in journal.STATUSES]

    assert shown == [
        [
            str(trial.number),
            trial.status,
            {2: "1", 6: "2", 18: "3"}[trial.epochs],
            str(trial.epochs),
            f"{sum(trial.curve[-3:]) / 3 if trial.epochs == 18 else trial.curve[-1]:.4f}",
            f"{max(trial.curve):.4f}",
        ]
        for trial in whole.search.trials
    ]


def test_the_tiles_hold_the_exact_accuracies(whole, text):
    assert f'<data value="{whole.evaluation.accuracy!r}">' in text
    assert '<data value="0.95">0.9500</data>' in text


def test_the_time_of_each_step_is_shown(document):
    assert {"Prepare", "1.0 s", "Tune", "1 min 2 s"} <= set(document.texts)


def test_failed_trials_show_their_reason():
    document = parsed(ReportInputs(report_samples.search(5, n_good=1, reason="out of memory")))

    assert [row[-1] for row in document.rows if row[1] == "failed"] == ["out of memory"] * 4


def test_a_search_without_a_completed_trial_is_shown():
    document = parsed(ReportInputs(report_samples.search(3, n_good=0)))

    assert "None completed" in " ".join(document.texts) and "search-history" not in document.figures


def test_one_trial_leaves_out_what_needs_two():
    document = parsed(report_samples.run(n_trials=1))

    assert set(FIGURES) - set(document.figures) == {"parallel-coordinates", "importance", "hyperparameter-slices"}
    assert "takes at least two trials" in " ".join(document.texts)


def test_few_trials_leave_out_the_importance_and_say_why():
    document = parsed(ReportInputs(report_samples.search(5)))

    assert "importance" not in document.figures and "a forest learns too little from 5 trials" in " ".join(
        document.texts
    )


def test_a_run_without_a_timeline_says_so():
    document = parsed(ReportInputs(SearchRecord(report_samples.search(3).trials, [])))

    assert "timeline" not in document.figures and "no record of when" in " ".join(document.texts)


def test_nothing_at_all_is_still_a_page():
    assert parsed(ReportInputs()).figures == []


def test_a_model_that_has_not_been_evaluated_is_called_unfinished():
    assert "Unfinished" in parsed(ReportInputs(report_samples.search(2))).texts


def test_a_search_that_went_on_after_the_evaluation_is_called_out():
    inputs = ReportInputs(report_samples.search(4), evaluation=report_samples.evaluation(n_trials=1))

    assert " 3 trials finished after the model was evaluated." in parsed(inputs).texts


def test_synthetic_data_is_called_out():
    assert "Synthetic data" in parsed(ReportInputs(parameters={"data_source": "synthetic"})).texts


def test_real_data_is_not_called_synthetic(document):
    assert "Synthetic data" not in document.texts


@pytest.mark.parametrize("skill", [0.0, 50.0], ids=["useless", "perfect"])
def test_every_number_is_a_number(skill):
    inputs = ReportInputs(report_samples.search(2, 1), evaluation=report_samples.evaluation(skill=skill))

    assert not re.search(r"\b(nan|NaN|inf|None)\b", " ".join(parsed(inputs).texts))


def test_a_perfect_model_has_no_worst_mistakes():
    document = parsed(ReportInputs(evaluation=report_samples.evaluation(skill=50.0)))

    assert "worst-mistakes" not in document.figures and "the model made none" in " ".join(document.texts)


@pytest.mark.parametrize("n_classes", [2, 40])
def test_up_to_forty_classes_have_a_confusion_matrix(n_classes):
    names = [f"class {number}" for number in range(n_classes)]
    document = parsed(ReportInputs(evaluation=report_samples.evaluation(names, n=600)))

    assert "confusion-matrix" in document.figures and "class 1" in document.texts


def test_five_hundred_trials_and_forty_classes_stay_under_two_megabytes():
    names = [f"class {number} {'x' * 60}" for number in range(40)]
    inputs = report_samples.run(500, 250, names, n=2000, reason="& < > " * 200, shape=(64, 64))

    assert len(render(inputs).encode()) < 2_000_000


def test_of_very_many_trials_the_best_and_the_last_are_listed():
    listed = [
        trial.number
        for trial in rows_shown(report_samples.older_search(*(0.5 + n % 1500 / 4000 for n in range(3000))))
    ]

    assert len(listed) == 1000 and {1499, 2999} <= set(listed)


def test_a_figures_colours_are_those_of_the_page(text):
    drawings = re.findall(r"<svg viewBox=\"0 0 \d+ \d+\" width=.*?</svg>", text)

    assert drawings and not any(re.search(r"(fill|stroke):#", drawing) for drawing in drawings)


def luminance(colour):
    """Return the relative luminance of `#rrggbb`, 0 to 1, as WCAG 2 defines it."""
    shares = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("step", range(8))
def test_the_text_of_a_cell_stands_out_from_its_shade(text, scheme, step):
    ground, ink = (luminance(re.findall(rf"--{name}-{step}: (#\w+)", text)[scheme]) for name in ("shade", "on-shade"))

    assert (max(ground, ink) + 0.05) / (min(ground, ink) + 0.05) >= 4.5
