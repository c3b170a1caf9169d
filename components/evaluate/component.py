"""The evaluate step: measures the model once on the test split, and reports on the whole run."""

from kfp import dsl

from components.core.descriptions import described


@dsl.component(base_image="python:3.11-slim-bookworm", target_image="evaluate")
@described
def evaluate(
    test_data: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    history: dsl.Input[dsl.Artifact],
    trials: dsl.Input[dsl.Artifact],
    evaluation: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    classification_metrics: dsl.Output[dsl.ClassificationMetrics],
    report: dsl.Output[dsl.HTML],
    model_card: dsl.Output[dsl.Markdown],
) -> None:
    """Measure the model on the test split and write the result, the report and the model card."""
    import numpy as np

    from components.core import artifacts, files, models, scores, termination
    from components.evaluate import evaluation as results
    from components.evaluate import model_card as card
    from components.evaluate import report as page
    from components.evaluate import trials as search
    from components.evaluate.metrics import roc_curve
    from components.experiment import EXPERIMENT

    termination.exit_on_sigterm("evaluate")
    data, found = artifacts.read_test_data(test_data.path), search.read_artifact(trials.path)
    description = models.read_description(model.path)
    logits = models.read(model.path).predict(data.test.inputs, batch_size=1024, verbose=0)
    asked_for = (EXPERIMENT.objective, EXPERIMENT.metrics)
    measured = results.evaluate_logits(logits, data, description, len(found.trials), *asked_for)
    inputs = page.ReportInputs(found, artifacts.read_history(history.path), description, measured)
    results.write(measured, evaluation.path)
    for name, value in results.headline(measured).items():
        metrics.log_metric(name, value)
    matrix = results.matrix_for_kubeflow(measured)
    if matrix:
        classification_metrics.log_confusion_matrix(*matrix)
    probabilities = np.exp(scores.log_probabilities(logits))
    classification_metrics.log_roc_curve(*roc_curve(data.test.labels, probabilities))
    files.write_bytes(page.render(inputs).encode(), report.path)
    files.write_bytes(card.model_card(inputs).encode(), model_card.path)
