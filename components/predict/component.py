"""The predict step: the registry's version in service is asked about all that a data source holds."""

from kfp import dsl

from components.core.descriptions import described


@dsl.component(base_image="python:3.11-slim-bookworm", target_image="predict")
@described
def predict(
    predictions: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    data_source: str,
    registry: str,
    version: int = 0,
    all_probabilities: bool = False,
    resize: bool = False,
) -> None:
    """Write `predictions.parquet`: a row an example, in order, with its label and probability."""
    from components.core import artifacts, parameters, termination
    from components.inference import servable
    from components.predict import predicting
    from components.registry.store import open_store

    termination.exit_on_sigterm("predict")
    parameters.check(data_source=data_source, registry=registry, version=version, resize=resize)
    model = servable.of_registry(open_store(registry), version or None)
    with artifacts.writing(predictions.path, "predictions", data_source) as folder:
        output = folder / "predictions.parquet"
        outcome = predicting.predict(model, data_source, output, all_probabilities, resize)
    metrics.log_metric("n_rows", outcome.n_rows)
    metrics.log_metric("version", float(model.version))
