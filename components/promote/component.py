"""The promote step: registers the model, and puts it into service when the gate says so."""

from kfp import dsl

from components.core.descriptions import described


@dsl.component(base_image="python:3.11-slim-bookworm", target_image="promote")
@described
def promote(
    model: dsl.Input[dsl.Model],
    test_data: dsl.Input[dsl.Dataset],
    report: dsl.Input[dsl.HTML],
    model_card: dsl.Input[dsl.Markdown],
    metrics: dsl.Output[dsl.Metrics],
    decision: dsl.Output[dsl.HTML],
    registry: str,
    run: str,
    minimum_accuracy: float = 0.0,
    promotion_level: float = 0.05,
    promotion_margin: float = 0.0,
    promotion_class_loss: float = 0.03,
    other_interface: bool = False,
    export: str = "",
    model_registry: str = "",
) -> None:
    """Register the model as a version, compare it with the one in service, and write what was decided."""
    import importlib

    from components.core import artifacts, events, files, models, parameters, termination
    from components.promote import comparison, contents, page
    from components.promote import model_registry as their_registry
    from components.promote.gate import Rule
    from components.registry import champion, examples, versions
    from components.registry.store import open_store

    termination.exit_on_sigterm("promote")
    parameters.check(
        registry=registry,
        minimum_accuracy=minimum_accuracy,
        promotion_level=promotion_level,
        promotion_margin=promotion_margin,
        promotion_class_loss=promotion_class_loss,
        other_interface=other_interface,
        export=export,
        model_registry=model_registry,
    )
    if model_registry:
        their_registry.check(model_registry)
    importlib.import_module("components.experiment")  # registers its layers with Keras
    store = open_store(registry)
    data, description = artifacts.read_test_data(test_data.path), models.read_description(model.path)
    answers = comparison.answers(model.path, data)
    predicted = answers.argmax(axis=1)
    documents = {"report.html": report.path, "model_card.md": model_card.path}
    shown = examples.choose(data, answers)
    with contents.of_version(model.path, documents, shown, parameters.formats(export)) as files_of_it:
        version = versions.register(store, files_of_it, comparison.described(description, predicted, data, run))
    events.note(f"registered as version {version.number} of {store.shown}")
    if model_registry:
        their_registry.register(model_registry, store, version)
        events.note(f"registered with {model_registry}, too")
    rule = Rule(minimum_accuracy, promotion_level, promotion_margin, promotion_class_loss)
    while True:
        found, before = comparison.compare(store, version, predicted, data, rule, other_interface)
        if not found.decision.promoted or before.version == version.number:
            break
        if champion.change(store, before, version.number, "promotion", run, found.decision.reason):
            break
        events.note("another run has promoted its model meanwhile: comparing with that")
    events.note(page.sentence(found))
    for name, value in page.metrics(found).items():
        metrics.log_metric(name, value)
    files.write_bytes(page.render(found, data).encode(), decision.path)
