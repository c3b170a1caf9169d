"""The report as text: what it says, what it escapes, and what it leaves out with a reason."""

import html.parser
import re

import numpy as np
import pytest

from components.core import journal
from components.evaluate import pictures, search_figures
from components.evaluate.inputs import ReportInputs
from components.evaluate.model_card import escape
from components.evaluate.objective import Objective
from components.evaluate.report import render
from components.evaluate.style import canvas
from components.evaluate.svg import as_svg
from components.evaluate.texts import clean, shorten
from components.evaluate.timeline_figure import timeline
from components.evaluate.trial_table import rows_shown
from components.evaluate.trials import SearchRecord, Span
from tests import report_samples

FIGURES = (
    "search-history",
    "parallel-coordinates",
    "importance",
    "hyperparameter-slices",
    "timeline",
    "learning-curves",
    "confusion-matrix",
    "worst-mistakes",
    "calibration",
)
VOID = {"meta", "br", "wbr"}


class Document(html.parser.HTMLParser):
    """What a page holds: its elements, its text, its tables, and any tag that is not closed in its place."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.rows, self.misplaced, self._open = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open += [tag] if tag not in VOID else []
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if self._open.pop() != tag:
            self.misplaced.append(tag)

    def handle_data(self, data):
        self.texts.append(data)
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    @property
    def figures(self):
        return [attributes["id"] for tag, attributes in self.elements if tag == "figure"]


def parsed(inputs):
    return Document(render(inputs))


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
    shown = {row[0]: row for row in document.rows if row[1] in journal.STATUSES}

    assert {number: row[2] for number, row in shown.items()} == {
        str(trial.number): f"{trial.validation_accuracy:.4f}" for trial in whole.search.trials
    }


def test_the_tiles_hold_the_exact_accuracies(whole, text):
    assert f'<data value="{whole.evaluation.accuracy!r}">' in text
    assert '<data value="0.95">0.9500</data>' in text


def test_the_time_of_each_step_is_shown(document):
    assert {"prepare", "1.0 s", "tune", "1 min 2 s"} <= set(document.texts)


def test_failed_trials_show_their_reason():
    document = parsed(ReportInputs(report_samples.search(5, n_completed=1, reason="out of memory")))

    assert [row[-1] for row in document.rows if row[1] == "failed"] == ["out of memory"] * 4


def test_a_search_without_a_completed_trial_is_shown():
    document = parsed(ReportInputs(report_samples.search(3, n_completed=0)))

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
    trials = [report_samples.trial(n, accuracy=0.5 + n % 1500 / 4000) for n in range(3000)]
    listed = [trial.number for trial in rows_shown(trials, Objective())]

    assert len(listed) == 1000 and {1499, 2999} <= set(listed)


@pytest.fixture(scope="module")
def hostile():
    """A page with a class of each hostile name, and a failed trial of each as its reason."""
    trials = [report_samples.trial(n, "failed", reason=name) for n, name in enumerate(report_samples.HOSTILE)]
    evaluation = report_samples.evaluation(report_samples.HOSTILE, skill=1.0)
    return parsed(ReportInputs(SearchRecord(trials, []), evaluation=evaluation))


def test_hostile_text_makes_no_element(hostile):
    assert hostile.misplaced == [] and not {"script", "b"} & {tag for tag, _ in hostile.elements}


@pytest.mark.parametrize("number", range(len(report_samples.HOSTILE)))
def test_a_hostile_class_name_is_shown_as_text(hostile, number):
    row = next(row for row in hostile.rows if len(row) == 7 and row[1] == str(number))

    assert row[0] == clean(report_samples.HOSTILE[number])


@pytest.mark.parametrize("number", range(len(report_samples.HOSTILE)))
def test_a_hostile_reason_is_shown_as_text(hostile, number):
    row = next(row for row in hostile.rows if row[:2] == [str(number), "failed"])

    assert row[-1] == clean(report_samples.HOSTILE[number])


def test_hostile_hyperparameters_are_shown_as_text():
    hostile = {"$x$ <b>": "</svg><script>", "long_" * 30: "\\frac{1}"}
    trials = [
        report_samples.trial(n, accuracy=0.5 + n / 10, **{k: f"{v}{n}" for k, v in hostile.items()}) for n in range(3)
    ]
    document = parsed(ReportInputs(SearchRecord(trials, [])))

    assert document.misplaced == [] and "script" not in {tag for tag, _ in document.elements}
    assert "</svg><script>0" in document.texts and "$x$ <b>" in document.texts


def test_a_hostile_data_source_is_shown_as_text():
    assert '/data/"<b>' in parsed(ReportInputs(parameters={"data_source": '/data/"<b>'})).texts


def test_control_characters_become_the_replacement_character():
    assert clean("a\0b\u202ec\td") == "a\ufffdb\ufffdc d"


@pytest.mark.parametrize(
    ("name", "short"),
    [("short", "short"), ("a name that is long", "a name…ong"), ("日本語日本語", "日本語…語"), ("x" * 10, "x" * 10)],
)
def test_a_long_name_keeps_its_start_and_its_end(name, short):
    assert shorten(name, 10) == short


def test_a_dollar_sign_starts_no_formula():
    with canvas(100, 100) as figure:
        figure.text(0.5, 0.5, r"$\alpha$")

        assert r">$\alpha$</text>" in as_svg(figure, "x", "x")


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


def test_outliers_do_not_flatten_the_rest():
    low, high = search_figures.value_limits([0.1, 0.88, 0.89, 0.9, 0.9])

    assert 0.8 < low < 0.88 and 0.9 < high < 0.92


def test_the_best_so_far_never_falls():
    trials = [report_samples.trial(n, accuracy=value) for n, value in enumerate([0.5, 0.8, 0.7])]

    assert search_figures.best_so_far(trials, Objective())[1].tolist() == [0.5, 0.8, 0.8]


def test_a_stopped_trial_is_not_the_best_so_far():
    trials = [report_samples.trial(0, accuracy=0.5), report_samples.trial(1, "stopped", accuracy=0.9)]

    assert search_figures.best_so_far(trials, Objective())[1].tolist() == [0.5, 0.5]


def test_thinning_keeps_the_best():
    trials = [report_samples.trial(n, accuracy=(n * 37 % 100) / 100) for n in range(100)]

    assert journal.best(search_figures.thinned(trials, Objective(), 20)) == journal.best(trials)


def test_a_night_between_two_parts_of_a_search_is_cut_out():
    spans = [Span(0, 0, 0.0, 10.0, "completed"), Span(1, 0, 30_000.0, 30_010.0, "completed")]

    assert "with 1 pauses cut out" in timeline(spans)


def test_a_picture_has_a_run_for_each_row_of_equal_pixels():
    drawn = pictures.picture(np.array([[255, 255, 0], [0, 0, 255]], np.uint8), "x")

    assert 'd="M0 0.5h2M2 1.5h1"' in drawn and 'stroke="#ffffff"' in drawn


def test_a_large_picture_is_scaled_down():
    assert 'viewBox="0 0 40 20"' in pictures.picture(np.zeros((60, 120), np.uint8), "x")


def test_markdown_is_escaped():
    assert escape("a|*b*\n<i>[x](y)") == r"a\|\*b\* &lt;i&gt;\[x\]\(y\)"
