"""The step that brings in the data: it checks it, splits it, and hands on two artifacts."""

from kfp import dsl

from components.core.descriptions import described


@dsl.component(base_image="python:3.11-slim-bookworm", target_image="prepare")
@described
def prepare(
    training_data: dsl.Output[dsl.Dataset],
    test_data: dsl.Output[dsl.Dataset],
    data_source: str,
    validation_fraction: float,
    seed: int,
    test_fraction: float = 0.2,
    image_size: str = "",
) -> None:
    """Load the data source, hold out a stratified validation split, and keep the test examples apart."""
    from components.core import artifacts, parameters, termination
    from components.core.data import TestData, TrainingData
    from components.sources import dataset

    termination.exit_on_sigterm("prepare")
    given = parameters.check(
        data_source=data_source,
        validation_fraction=validation_fraction,
        seed=seed,
        test_fraction=test_fraction,
        image_size=image_size,
    )
    raw = dataset.load(given["data_source"], given["seed"], given["test_fraction"], given["image_size"])
    train, validation = dataset.split(raw.train, given["validation_fraction"], given["seed"])
    artifacts.write_training_data(TrainingData(train, validation, raw.info, ""), training_data.path)
    artifacts.write_test_data(TestData(raw.test, raw.info, ""), test_data.path)
    facts = {"source": raw.info.source, "classes": ", ".join(raw.info.class_names)}
    training_data.metadata.update(facts, n_train=len(train), n_validation=len(validation))
    training_data.metadata["fingerprint"] = artifacts.fingerprint(training_data.path)
    test_data.metadata.update(facts, n_test=len(raw.test), fingerprint=artifacts.fingerprint(test_data.path))
