"""Names and text from outside: shown as text, whatever they hold."""

import pytest

from components.evaluate.inputs import ReportInputs
from components.evaluate.model_card import escape
from components.evaluate.style import canvas
from components.evaluate.svg import as_svg
from components.evaluate.trials import SearchRecord
from components.pages.texts import clean, shorten
from tests import report_samples
from tests.report_page import parsed


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


def test_markdown_is_escaped():
    assert escape("a|*b*\n<i>[x](y)") == r"a\|\*b\* &lt;i&gt;\[x\]\(y\)"
