"""What a model is worth: each figure against a value worked by hand or a closed form."""

import math

import numpy as np
import pytest

from components.core import artifacts, intervals
from components.core.errors import InvalidInput
from components.core.experiment import Metric
from components.evaluate import metrics
from components.evaluate.evaluation import evaluate_logits, headline, matrix_for_kubeflow, read, write
from tests import report_samples


def test_the_roc_curve_of_all_classes_together_is_the_share_of_pairs_above_each_threshold():
    random = np.random.default_rng(3)
    labels = random.integers(0, 3, 400)
    probabilities = random.dirichlet(np.ones(3), 400)
    positive = np.arange(3) == labels[:, None]

    false, true, thresholds = metrics.roc_curve(labels, probabilities)

    assert len(false) == len(true) == len(thresholds) == 101
    assert (false[0], true[0], thresholds[0]) == (0, 0, 1) and (false[-1], true[-1]) == (1, 1)
    for x, y, threshold in list(zip(false, true, thresholds, strict=True))[1:]:
        assert y == pytest.approx((probabilities[positive] >= threshold).mean())
        assert x == pytest.approx((probabilities[~positive] >= threshold).mean())


def test_the_wilson_interval_of_half_of_a_hundred():
    """p = 1/2: centre 1/2, half width z / (1 + z²/n) · sqrt(1/(4n) + z²/(4n²)) = 0.0962."""
    assert intervals.wilson_interval(50, 100) == pytest.approx((0.40383, 0.59617), abs=1e-5)


def test_the_wilson_interval_of_all_right_is_n_by_n_plus_z_squared_to_one():
    assert intervals.wilson_interval(10, 10) == pytest.approx((10 / (10 + intervals.Z_95**2), 1.0))


def test_the_wilson_interval_of_none_right_mirrors_that_of_all_right():
    assert intervals.wilson_interval(0, 10) == pytest.approx((0.0, 1 - intervals.wilson_interval(10, 10)[0]))


def test_confusion_counts_have_true_classes_as_rows():
    counts = metrics.confusion_counts(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)

    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_scores_of_a_class_by_hand():
    """Class b: two of its three images found, among three predictions."""
    score = metrics.class_scores(np.array([0, 1, 1, 1]), np.array([1, 1, 1, 0]), ("a", "b"))[1]

    assert score == metrics.ClassScore("b", 3, pytest.approx(2 / 3), pytest.approx(2 / 3), pytest.approx(2 / 3))


def test_a_class_without_an_image_has_no_recall():
    score = metrics.class_scores(np.array([0]), np.array([0]), ("a", "b"))[1]

    assert (score.n_examples, score.recall) == (0, None)


def test_a_class_that_is_never_predicted_has_no_precision():
    score = metrics.class_scores(np.array([0, 1]), np.array([0, 0]), ("a", "b"))[1]

    assert (score.precision, score.f1) == (None, 0.0)


def test_the_calibration_error_by_hand():
    """One image at 0.4, right; three at 0.9, two of them right: 1/4 · 0.6 + 3/4 · (0.9 - 2/3)."""
    bins = metrics.reliability(np.array([0.4, 0.9, 0.9, 0.9]), np.array([True, True, True, False]), n_bins=2)

    assert metrics.expected_calibration_error(bins) == pytest.approx(0.325)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    bins = metrics.reliability(np.array([0.4]), np.array([True]), n_bins=5)

    assert [each.n_examples for each in bins] == [0, 1, 0, 0, 0]


def test_a_confidence_of_one_is_in_the_last_bin():
    assert metrics.reliability(np.array([1.0]), np.array([True]))[-1].n_examples == 1


def test_an_empty_bin_has_no_means():
    assert metrics.reliability(np.array([1.0]), np.array([True]))[0] == metrics.Bin(0.0, 1 / 15, 0, None, None)


def test_the_worst_mistakes_come_most_confident_first():
    mistakes = metrics.worst_mistakes(np.array([0, 0, 0]), np.array([1, 0, 1]), np.array([0.6, 0.99, 0.8]), most=5)

    assert [mistake.index for mistake in mistakes] == [2, 0]


def test_no_more_mistakes_are_kept_than_asked_for():
    assert len(metrics.worst_mistakes(np.zeros(9, int), np.ones(9, int), np.linspace(0.5, 0.9, 9), most=4)) == 4


def test_accuracy_is_the_share_of_right_answers():
    data = report_samples.test_data(("a", "b"), n=4)
    found = evaluate_logits(np.array([[1.0, 0], [0, 1.0], [0, 1.0], [0, 1.0]]), data, {}, n_trials=0)

    assert (found.n_correct, found.accuracy) == (3, 0.75)


@pytest.mark.parametrize("skill", [0.0, 50.0], ids=["useless", "perfect"])
def test_the_headline_figures_are_finite(skill):
    assert all(math.isfinite(value) for value in headline(report_samples.evaluation(skill=skill)).values())


def test_a_perfect_model_has_no_mistakes():
    found = report_samples.evaluation(skill=50.0)

    assert (found.accuracy, found.mistakes, found.mistake_inputs.shape) == (1.0, [], (0, 28, 28))


def test_logits_that_are_not_finite_are_refused():
    data = report_samples.test_data(("a", "b"), n=2)

    with pytest.raises(InvalidInput, match="others for 1 of 2 test examples"):
        evaluate_logits(np.array([[0.0, 1.0], [np.nan, 0.0]]), data, {}, n_trials=0)


def test_a_model_for_other_classes_is_refused():
    data = report_samples.test_data(("a", "b"), n=2)

    with pytest.raises(InvalidInput, match="model must be trained for the 2 classes of test_data"):
        evaluate_logits(np.zeros((2, 2)), data, {"class_names": ["a", "c"]}, n_trials=0)


def test_the_worst_confusions_come_most_frequent_first_with_their_share():
    counts = np.array([[8, 2, 0], [3, 1, 0], [1, 0, 0]])

    assert metrics.worst_confusions(counts, most=2) == [
        metrics.Confusion(1, 0, 3, 0.75),
        metrics.Confusion(0, 1, 2, 0.2),
    ]


def test_the_objective_is_measured_on_the_test_split():
    found = report_samples.evaluation(objective=report_samples.CROSS_ENTROPY)

    assert found.objective == {"name": "cross-entropy", "direction": "min", "value": 1.25}
    assert headline(found)["test_objective"] == 1.25


def test_a_metric_that_is_not_finite_is_said_and_not_logged(capsys):
    found = report_samples.evaluation(further=(Metric("odd", lambda labels, logits: math.nan),))

    assert found.metrics == {"odd": None} and "test_odd" not in headline(found)
    assert "odd on the test split is nan" in capsys.readouterr().out


def test_a_metric_that_fails_is_refused_by_name():
    with pytest.raises(InvalidInput, match=r"odd must be a number on the test split, .* ZeroDivisionError"):
        report_samples.evaluation(further=(Metric("odd", lambda labels, logits: 1 / 0),))


def test_a_metric_named_as_another_figure_takes_no_others_place():
    found = headline(report_samples.evaluation(further=(Metric("Accuracy", lambda labels, logits: 7.0),)))

    assert found["test_accuracy"] <= 1 and found["test_accuracy_2"] == 7.0


def test_kubeflow_is_shown_the_matrix_of_a_hundred_classes_and_told_of_more(capsys):
    few = report_samples.evaluation([f"class {n}" for n in range(100)], n=200)
    many = report_samples.evaluation([f"class {n}" for n in range(101)], n=202)

    assert len(matrix_for_kubeflow(few)[1]) == 100 and matrix_for_kubeflow(many) is None
    assert "at most 100 classes, and there are 101" in capsys.readouterr().out


@pytest.mark.parametrize(("shape", "dtype"), [((4, 5, 3), "uint8"), ((6,), "float32"), ((2, 3, 4, 5), "float32")])
def test_an_evaluation_of_any_inputs_comes_back_as_it_was_written(tmp_path, shape, dtype):
    found = report_samples.evaluation(shape=shape, dtype=dtype)
    write(found, tmp_path / "evaluation")
    back = read(tmp_path / "evaluation")

    assert back.mistake_inputs.dtype == dtype and (back.mistake_inputs == found.mistake_inputs).all()
    assert (back.confusion == found.confusion).all() and back.data == found.data


def test_an_evaluation_of_another_version_is_refused(tmp_path):
    with artifacts.writing(tmp_path / "evaluation", "evaluation") as folder:
        (folder / "evaluation.json").write_text("{}")

    with pytest.raises(InvalidInput, match="was not written by this version; run evaluate again"):
        read(tmp_path / "evaluation")
