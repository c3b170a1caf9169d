"""The evaluate step called directly, on a small model and a search that is made up."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from kfp import dsl

from components.core import artifacts, journal, models
from components.core.data import DatasetInfo, Labelled, TestData
from components.core.errors import InvalidInput
from components.evaluate import evaluation
from components.evaluate import trials as search
from components.evaluate.component import evaluate
from tests import report_samples

OUTPUTS = {
    "evaluation": dsl.Artifact,
    "metrics": dsl.Metrics,
    "classification_metrics": dsl.ClassificationMetrics,
    "report": dsl.HTML,
    "model_card": dsl.Markdown,
}
SHAPE = (4, 5)
NAMES = ("dark", "bright", "<script>")


def write_inputs(folder, class_names=NAMES):
    """Write the four input artifacts: 30 images of three grey levels, a model that knows dark from bright."""
    labels = np.arange(30) % 3
    images = np.full((30, *SHAPE), 10, np.uint8) + (labels * 100).astype(np.uint8)[:, None, None]
    info = DatasetInfo("somewhere", NAMES, SHAPE)
    artifacts.write_test_data(TestData(Labelled(images, labels), info, ""), folder / "test_data")
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3)])
    model.layers[-1].set_weights([np.outer(np.ones(20), [-0.01, 0.01, 0.0]), np.array([10.0, -10.0, -99.0])])
    models.write(model, {"class_names": list(class_names), "seed": 7}, folder / "model")
    artifacts.write_history(report_samples.history(), folder / "history")
    write_trials(folder / "trials", report_samples.search(3))


def write_trials(path, found):
    with artifacts.writing(path, "trials") as folder:
        with journal.Journal.open(folder, {"seed": 7, "plan": found.plan.as_dict()}) as book:
            for trial in found.trials:
                book.append(trial)
        lines = [json.dumps(vars(span)) for span in found.spans]
        (folder / search.TIMELINE_FILE).write_text("\n".join(lines))


def call(folder):
    """Return the outputs, by name, of the component called on the inputs in a folder."""
    inputs = {name: dsl.Artifact(uri=str(folder / name)) for name in ("test_data", "model", "history", "trials")}
    outputs = {name: kind(uri=str(folder / "out" / name)) for name, kind in OUTPUTS.items()}
    evaluate.python_func(**inputs, **outputs)
    return outputs


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    write_inputs(folder)
    return call(folder)


def test_the_model_is_measured_on_the_test_images(outputs):
    """Dark and the other two are told apart, and the third class, never predicted, is lost: 20 of 30."""
    assert outputs["metrics"].metadata["test_accuracy"] == pytest.approx(2 / 3)


def test_the_metrics_are_few_and_finite(outputs):
    assert len(outputs["metrics"].metadata) <= 8 and np.isfinite(list(outputs["metrics"].metadata.values())).all()


def test_the_confusion_matrix_is_shown_by_kubeflow(outputs):
    rows = [row["row"] for row in outputs["classification_metrics"].metadata["confusionMatrix"]["rows"]]

    assert rows == [[10, 0, 0], [0, 10, 0], [0, 10, 0]]


def test_the_roc_curve_is_shown_by_kubeflow(outputs):
    points = outputs["classification_metrics"].metadata["confidenceMetrics"]

    assert points[0]["falsePositiveRate"] == points[0]["recall"] == 0
    assert points[-1]["falsePositiveRate"] == points[-1]["recall"] == 1
    assert all(np.isfinite(list(point.values())).all() for point in points)


def test_report_and_model_card_are_single_files(outputs):
    assert Path(outputs["report"].path).read_text().startswith("<!DOCTYPE html>")
    assert Path(outputs["model_card"].path).read_text().startswith("# Model card")


def test_the_report_shows_the_accuracy_that_the_metrics_have(outputs):
    value = outputs["metrics"].metadata["test_accuracy"]

    assert f'<data value="{value!r}">0.6667</data>' in Path(outputs["report"].path).read_text()


def test_the_model_card_escapes_class_names(outputs):
    card = Path(outputs["model_card"].path).read_text()

    assert "&lt;script&gt;" in card and "<script>" not in card


def test_an_evaluation_comes_back_as_it_was_written(outputs, tmp_path):
    found = evaluation.read(outputs["evaluation"].path)
    evaluation.write(found, tmp_path / "again")

    assert artifacts.fingerprint(tmp_path / "again") == artifacts.fingerprint(outputs["evaluation"].path)


def test_the_evaluation_holds_the_images_of_the_worst_mistakes(outputs):
    found = evaluation.read(outputs["evaluation"].path)

    assert found.mistake_inputs.shape == (10, *SHAPE) and (found.mistake_inputs == 210).all()


def test_a_model_for_other_classes_leaves_nothing(tmp_path):
    write_inputs(tmp_path, class_names=("a", "b", "c"))

    with pytest.raises(InvalidInput, match="train it on data of the same source"):
        call(tmp_path)
    assert not (tmp_path / "out").exists()


def test_damaged_trials_are_refused(tmp_path):
    write_inputs(tmp_path)
    with open(tmp_path / "trials" / journal.FILE_NAME, "a") as file:
        file.write("\n")

    with pytest.raises(InvalidInput, match=r"trials at .* is damaged"):
        call(tmp_path)


def test_a_torn_timeline_is_read_as_far_as_it_goes(tmp_path):
    write_trials(tmp_path / "trials", report_samples.search(3))
    text = (tmp_path / "trials" / search.TIMELINE_FILE).read_text()
    (tmp_path / "trials" / search.TIMELINE_FILE).write_text(text[:-9] + '\n{"number": 1}\n[]\n7')

    assert [span.number for span in search.read(tmp_path / "trials").spans] == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("modules", "foreign"),
    [
        ("components.evaluate.component", ("tensorflow", "keras", "matplotlib", "sklearn")),
        ("local.report, components.evaluate.model_card", ("tensorflow", "keras", "sklearn", "keras_tuner")),
    ],
)
def test_importing_is_light(modules, foreign):
    code = f"import sys, {modules}; print(*set(sys.modules) & set({foreign!r}))"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
