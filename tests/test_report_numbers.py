"""Every number of the report, worked out from what it was made of by another way than the report's."""

import re
import statistics

import numpy as np
import pytest

from components.core import journal
from components.core.parameters import PARAMETERS
from components.evaluate import timeline_figure
from components.evaluate.inputs import ReportInputs
from components.evaluate.report import render
from tests import report_samples
from tests.report_page import Document

RUN = report_samples.run(24, 22)
PAGE = render(RUN)
TEXT = " ".join(re.sub(r"<svg.*?</svg>|<style>.*?</style>|<[^>]+>", " ", PAGE, flags=re.DOTALL).split())
LABELS = report_samples.test_data().test.labels
LOGITS = report_samples.logits(LABELS, 10, skill=2.0)
PREDICTED = LOGITS.argmax(axis=1)
N_RIGHT = int((PREDICTED == LABELS).sum())
TRIALS = RUN.search.trials
RUNGS = report_samples.PLAN.rungs


def score_at(curve, epochs):
    """The mean over the last sixth of a curve's first epochs, at least the last one."""
    part = curve[:epochs]
    return statistics.fmean(part[-max(1, round(len(part) / 6)) :])


def of_completed():
    return [score_at(each.curve, 18) for each in TRIALS if each.status == "completed"]


def confidences():
    odds = np.exp(LOGITS - LOGITS.max(axis=1, keepdims=True))
    return (odds / odds.sum(axis=1, keepdims=True)).max(axis=1)


def calibration_error():
    """Guo et al. 2017: fifteen bins, an example at a time."""
    bins = [[] for _ in range(15)]
    for confidence, right in zip(confidences(), PREDICTED == LABELS, strict=True):
        bins[next(n for n in range(15) if confidence <= (n + 1) / 15)].append((confidence, right))
    return sum(abs(sum(c for c, _ in part) - sum(r for _, r in part)) for part in bins) / len(LABELS)


def f1(label):
    right = sum(p == t == label for p, t in zip(PREDICTED, LABELS, strict=True))
    wrong = sum((p == label) != (t == label) for p, t in zip(PREDICTED, LABELS, strict=True))
    return 2 * right / (2 * right + wrong)


def interval():
    """Wilson's: where the distance to the share is z standard errors, the roots of a parabola."""
    n, z = len(LABELS), statistics.NormalDist().inv_cdf(0.975)
    return sorted(np.roots([n + z**2, -(2 * N_RIGHT + z**2), N_RIGHT**2 / n]))


def told(label):
    """Return the number that stands beside a label, with all its digits."""
    found = re.findall(
        rf"<dt>(?:<bdi>)?{re.escape(label)}(?:</bdi>)?</dt><dd>(?:<strong>)?<data value=\"([^\"]+)\"", PAGE
    )
    assert len(found) == 1
    return float(found[0])


def said(pattern):
    """Return the numbers of a sentence, which stands in the page once."""
    found = re.findall(pattern, TEXT)
    assert len(found) == 1, pattern
    return [float(each) for each in (found[0] if isinstance(found[0], tuple) else found)]


def rows(n_cells, first):
    return [row for row in Document(PAGE).rows if len(row) == n_cells and re.fullmatch(first, row[0])]


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("Test accuracy", N_RIGHT / len(LABELS)),
        ("Validation accuracy", RUN.history["validation_accuracy"][int(np.argmax(RUN.history["objective"]))]),
        ("Cross-entropy", float(np.mean(np.log(np.exp(LOGITS).sum(axis=1)) - LOGITS[np.arange(200), LABELS]))),
        ("Macro F1", statistics.fmean(map(f1, range(10)))),
        ("Expected calibration error", calibration_error()),
    ],
)
def test_a_figure_of_the_model(label, value):
    assert told(label) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(
    ("pattern", "values"),
    [
        (r"95% interval ([\d.]+) to ([\d.]+)", interval()),
        (r"classifies (\d+) of (\d+) test images", [N_RIGHT, 200]),
        (r"lies ([\d.]+) below the validation", [0.95 - N_RIGHT / 200]),
        (r"(\d+) completed, (\d+) stopped, (\d+) failed", [2, 20, 2]),
        (r"failed, (\d+) epochs in all", [sum(len(each.curve) for each in TRIALS)]),
        (r"The best is trial \d+ with a score of ([\d.]+)", [max(of_completed())]),
        (r"the median of the completed ones is ([\d.]+)", [statistics.median(of_completed())]),
        (r"Wall time (\d+) min (\d+) s", [1, 3]),
        (r"All trials, added up ([\d.]+) s", [1.5 * 24]),
        (r"among them, added up ([\d.]+) s", [0.5 * 6]),
        (r"ran for (\d+) epochs; the weights of epoch (\d+) were kept", [6, 5]),
        (r"trained to the end, some of them again with other seeds: (\d+) trainings", [3]),
    ],
)
def test_a_figure_in_a_sentence(pattern, values):
    assert said(pattern) == pytest.approx(values, abs=5.1e-5)


def test_the_busy_share_is_that_of_each_worker_s_own_time():
    spans, ends = RUN.search.spans, max(span.ended for span in RUN.search.spans)
    own = [sum(span.seconds for span in spans if span.worker == worker) / ends for worker in (0, 1)]

    assert timeline_figure.busy_share(spans) == pytest.approx(statistics.fmean(own))
    assert said(r"busy for ([\d.]+)\s?% of the time")[0] == pytest.approx(100 * statistics.fmean(own), abs=0.51)


def test_the_table_of_classes():
    for label, row in enumerate(rows(7, "|".join(map(re.escape, report_samples.GARMENTS)))):
        of_class, as_class = label == LABELS, label == PREDICTED
        others = np.bincount(PREDICTED[of_class & ~as_class], minlength=10)
        scores = [(of_class & as_class).sum() / as_class.sum(), as_class[of_class].mean(), f1(label)]
        expected = [str(label), str(of_class.sum()), *(f"{score:.3f}" for score in scores)]

        assert row[:6] == [report_samples.GARMENTS[label], *expected]
        assert row[6] == f"{report_samples.GARMENTS[others.argmax()]} ({others.max()})"


def test_the_confusion_matrix():
    drawn = re.search(r'<figure id="confusion-matrix">.*?</figure>', PAGE, re.DOTALL)[0]
    counts = [int(text) for text in re.findall(r"<text[^>]*>(\d+)<", drawn)]
    pairs = [(true, predicted) for true in range(10) for predicted in range(10)]
    each = [sum((true == LABELS) & (predicted == PREDICTED)) for true, predicted in pairs]

    assert counts == [n for n in each if n]


def test_the_table_of_rungs():
    expected = []
    for number, epochs in enumerate(RUNGS):
        scores = [score_at(each.curve, epochs) for each in TRIALS if len(each.curve) >= epochs]
        on = sum(len(each.curve) > epochs for each in TRIALS)
        ends = [f"{statistics.median(scores):.4f}", f"{max(scores):.4f}"]
        expected.append([str(number + 1), str(epochs), str(len(scores)), str(on) if epochs < 18 else "–", *ends])

    assert rows(6, r"[123]") == expected


def test_what_was_gained_from_rung_to_rung():
    text = re.search(r"gained on average: (.*?)\. ", TEXT)[1]
    found = re.findall(r"([\d.]+) from (\d+) to (\d+) epochs", text)
    both = [[each.curve for each in TRIALS if len(each.curve) >= last] for last in RUNGS[1:]]
    gained = [
        statistics.fmean(score_at(curve, last) - score_at(curve, first) for curve in curves)
        for curves, first, last in zip(both, RUNGS, RUNGS[1:], strict=False)
    ]

    assert [(float(gain), int(first), int(last)) for gain, first, last in found] == [
        (pytest.approx(gain, abs=5.1e-5), first, last)
        for gain, first, last in zip(gained, RUNGS, RUNGS[1:], strict=False)
    ]


def test_the_trials_are_those_of_the_journal():
    shown = [row for row in Document(PAGE).rows if len(row) > 8 and row[1] in journal.STATUSES]

    assert [[*row[:2], *row[3:5]] for row in shown] == [
        [str(t.number), t.status, str(len(t.curve)), f"{score_at(t.curve, 99):.4f}" if t.curve else "–"]
        for t in TRIALS
    ]
    assert [row[5] for row in shown] == [f"{max(t.curve):.4f}" if t.curve else "–" for t in TRIALS]


def test_before_the_steps_are_known_the_time_is_what_went_by_while_it_searched():
    page = render(ReportInputs(search=RUN.search))
    seconds = max(span.ended for span in RUN.search.spans)

    found = re.search(r"<dt>Search, first start to last end</dt><dd>([\d.]+) s</dd>", page)
    assert float(found[1]) == pytest.approx(seconds, abs=0.051)


def test_the_parameters_are_the_run_s():
    shown = {name: value for name, value in RUN.parameters.items() if name != "data_source"}

    for name, value in shown.items():
        assert name in PARAMETERS
        assert f"<dt>{name.replace('_', ' ').capitalize()}</dt><dd>{value}</dd>" in PAGE


@pytest.mark.slow
def test_the_figures_of_a_real_model_are_what_it_says_of_the_test_data(finished_run):
    import keras

    model = keras.saving.load_model(finished_run.folder / "train" / "model" / "model.keras", safe_mode=True)
    data = finished_run.folder / "prepare" / "test_data"
    inputs, labels = np.load(data / "test_inputs.npy"), np.load(data / "test_labels.npy")
    logits = model.predict(inputs, verbose=0).astype(np.float64)
    entropy = -np.log(np.exp(logits)[np.arange(len(labels)), labels] / np.exp(logits).sum(axis=1)).mean()
    page = (finished_run.folder / "report.html").read_text()

    assert finished_run.summary["test_accuracy"] == (logits.argmax(axis=1) == labels).mean()
    assert f'<data value="{finished_run.summary["test_accuracy"]}">' in page
    found = re.search(r"Cross-entropy</bdi></dt><dd><data value=\"([^\"]+)\"", page)
    assert float(found[1]) == pytest.approx(entropy, rel=1e-4)
