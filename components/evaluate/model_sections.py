"""The report's sections on the model: its result, its training and its mistakes."""

import numpy as np

from components.core import journal
from components.evaluate import model_figures, page
from components.evaluate.axes import text_of


def result_section(inputs):
    """Return the section's HTML: what the model is worth, on what data, and at what cost."""
    evaluation = inputs.evaluation
    known = _chosen(inputs) + _times(inputs)
    parts = [page.tiles(_tiles(inputs)), _result_sentence(inputs) if evaluation else ""]
    table = _class_table(evaluation) if evaluation else ""
    parts.append(page.columns(table, known) if evaluation and _is_small(evaluation) else table + known)
    return "".join([*parts, _provenance(inputs)])


def training_section(inputs):
    """Return the section's HTML: how the model learned."""
    history = inputs.history
    n_epochs = len((history or {}).get("loss", []))
    if not n_epochs:
        return page.missing("The final training has not finished yet, so there are no learning curves.")
    accuracy = chosen_accuracy(history)
    sentence = f"<p>The final training ran for {page.plural(n_epochs, 'epoch')}"
    if accuracy is not None:
        sentence += f"; the weights of epoch {history['chosen_epoch']} were kept, "
        sentence += f"with a validation accuracy of {page.number(accuracy)}"
    panels = "".join(model_figures.learning_curves(history))
    caption = "Accuracy, loss and learning rate by epoch. Training curves are averages over the epoch, with dropout."
    return f"{sentence}.</p>" + page.figure("learning-curves", f'<div class="panels three">{panels}</div>', caption)


def mistakes_section(inputs):
    """Return the section's HTML: where the model is wrong, and how sure it is of itself."""
    evaluation = inputs.evaluation
    if evaluation is None:
        return page.missing("No model has been evaluated yet, so nothing is known of its mistakes.")
    confusion, calibration = _confusion(evaluation), _calibration(evaluation)
    matrix = page.columns(confusion, calibration) if _is_small(evaluation) else confusion + page.columns(calibration)
    return matrix + _worst(evaluation)


def _is_small(evaluation):
    """Say whether the classes are few enough for a table or matrix of them to fit beside something else."""
    return len(evaluation.class_names) <= 12


def chosen_accuracy(history):
    """Return the validation accuracy of the epoch whose weights were kept, or None."""
    values, chosen = history.get("validation_accuracy") or [], history.get("chosen_epoch")
    return values[chosen - 1] if isinstance(chosen, int) and 1 <= chosen <= len(values) else None


def _tiles(inputs):
    evaluation, search = inputs.evaluation, inputs.search
    tiles = []
    if evaluation:
        low, high = evaluation.accuracy_interval
        interval = f"95% interval {page.number(low)} to {page.number(high)}"
        tiles.append(("Test accuracy", page.number(evaluation.accuracy), interval))
    tiles += _validation_tile(inputs.history or {}, search and search.best)
    if search:
        counts = {status: search.count(status) for status in journal.STATUSES}
        note = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
        tiles.append(("Trials", page.count(len(search.trials)), note))
    times = _known_times(inputs)
    if times:
        tiles.append(("Time", page.duration(sum(times.values())), " + ".join(page.text(name) for name in times)))
    return tiles


def _validation_tile(history, best):
    """Return the tile, in a list, with the final model's validation accuracy or else the best trial's."""
    accuracy = chosen_accuracy(history)
    if accuracy is not None:
        note = f"of the final model, epoch {history['chosen_epoch']}"
        return [("Validation accuracy", page.number(accuracy), note)]
    if best:
        note = f"so far, trial {best.number}"
        return [("Best validation accuracy", page.number(best.validation_accuracy), note)]
    return []


def _result_sentence(inputs):
    evaluation, validation = inputs.evaluation, chosen_accuracy(inputs.history or {})
    right, images = page.count(evaluation.n_correct), page.plural(evaluation.n_images, "test image")
    sentence = (
        f"<p>The model classifies {right} of {images} correctly. The interval (Wilson’s) says how far the accuracy "
        "could be off because the test images are a sample; it says nothing of another seed or of other data."
    )
    if validation is not None:
        gap = abs(evaluation.accuracy - validation)
        side = "below" if evaluation.accuracy < validation else "above"
        sentence += f" The test accuracy lies {gap:.4f} {side} the validation accuracy"
        sentence += ", on which trials and epoch were chosen." if side == "below" else "."
    return sentence + "</p>"


_CLASS_COLUMNS = (
    ("Class", "t"),
    ("Label", "n"),
    ("Images", "n"),
    ("Precision", "n"),
    ("Recall", "n"),
    ("F1", "n"),
    ("Most often taken for", "t"),
)


def _class_table(evaluation):
    rows = [
        [
            page.name(score.name),
            str(index),
            page.count(score.n_images),
            *(page.number(value, 3) for value in (score.precision, score.recall, score.f1)),
            _taken_for(evaluation, index),
        ]
        for index, score in enumerate(evaluation.classes)
    ]
    caption = "Scores of each class on the test images."
    return "<h3>By class</h3>" + page.table(caption, _CLASS_COLUMNS, rows, tall=len(rows) > 40)


def _taken_for(evaluation, index):
    mistakes = evaluation.confusion[index].copy()
    mistakes[index] = 0
    if not mistakes.any():
        return "–"
    other = int(mistakes.argmax())
    return f"{page.name(evaluation.class_names[other], 48)} ({page.count(int(mistakes[other]))})"


def _chosen(inputs):
    values = inputs.description.get("hyperparameters")
    if values is None and inputs.search and inputs.search.best:
        values = inputs.search.best.hyperparameters
    if not values:
        return ""
    pairs = [(name, page.text(text_of(value))) for name, value in values.items()]
    return "<h3>Chosen hyperparameters</h3>" + page.facts(pairs)


def _provenance(inputs):
    facts = _data_facts(inputs) + _parameter_facts(inputs) + _version_facts(inputs)
    return "<h3>Data, seed and versions</h3>" + page.facts(facts) if facts else ""


def _data_facts(inputs):
    facts = [("Data source", page.name(inputs.data_source))] if inputs.data_source else []
    if inputs.evaluation:
        data = inputs.evaluation.data
        facts.append(("Test images", page.count(inputs.evaluation.n_images)))
        facts.append(("Image size", page.text(" × ".join(str(side) for side in data["input_shape"]) + " pixels")))
        facts.append(("Classes", str(len(data["class_names"]))))
        facts.append(("Test data’s fingerprint", f"<code>{page.text(data['fingerprint'][:16])}</code>"))
    fingerprint = inputs.description.get("data_fingerprint")
    if fingerprint:
        facts.append(("Training data’s fingerprint", f"<code>{page.text(str(fingerprint)[:16])}</code>"))
    return facts


def _parameter_facts(inputs):
    """Return the run's parameters or, before those are known, what the model's description says of them."""
    said = {name: inputs.description[name] for name in ("seed", "epochs") if name in inputs.description}
    known = {name: value for name, value in (inputs.parameters or said).items() if name != "data_source"}
    return [(_words(name), page.text(text_of(value))) for name, value in known.items() if value != ""]


def _version_facts(inputs):
    versions = dict(inputs.description.get("versions") or {})
    versions |= inputs.evaluation.versions if inputs.evaluation else {}
    listed = ", ".join(f"{page.text(name)} {page.text(version)}" for name, version in versions.items())
    return [("Versions", listed)] if listed else []


def _words(name):
    """Return a parameter's name as words, with its unit."""
    words = name.removesuffix("_s").replace("_", " ")
    return words.capitalize() + (" (seconds)" if name.endswith("_s") else "")


def _times(inputs):
    facts = [(name, page.duration(seconds)) for name, seconds in _known_times(inputs).items()]
    return "<h3>Time spent</h3>" + page.facts(facts) if facts else ""


def _known_times(inputs):
    """Return seconds by what took them: the run's steps or, before those are known, what the artifacts tell."""
    if inputs.steps:
        return inputs.steps
    times = {}
    if inputs.search and inputs.search.trials:
        times["all trials, added up"] = sum(trial.seconds for trial in inputs.search.trials)
    if inputs.history and inputs.history.get("seconds"):
        times["final training"] = float(np.sum(inputs.history["seconds"]))
    return times


def _confusion(evaluation):
    n = len(evaluation.class_names)
    caption = (
        "Rows are true classes, columns predicted ones. The number is how many images, the shade (and, where there is "
        "room, the percentage) their share of the true class. Shades change at 0.5, 2, 5, 10, 20, 40 and 70%."
    )
    if n > model_figures.MOST_CLASSES:
        caption += f" The {model_figures.MOST_CLASSES} of {n} classes with the most mistakes."
    drawn = model_figures.confusion_matrix(evaluation.confusion, evaluation.class_names)
    return page.figure("confusion-matrix", drawn, caption, wide=True)


def _worst(evaluation):
    if not evaluation.mistakes:
        return page.missing("There are no worst mistakes to show: the model made none.")
    pairs = zip(evaluation.mistakes, evaluation.mistake_images, strict=True)
    items = "".join(_mistake(mistake, image, evaluation.class_names) for mistake, image in pairs)
    wrong = page.plural(evaluation.n_images - evaluation.n_correct, "wrongly classified image")
    caption = f"The {len(evaluation.mistakes)} most confident of {wrong}, the most confident first."
    return page.figure("worst-mistakes", f'<ul class="gallery">{items}</ul>', caption)


def _mistake(mistake, image, names):
    true, predicted = names[mistake.true], names[mistake.predicted]
    drawn = page.picture(image, f"Test image {mistake.index}, a {true} taken for a {predicted}")
    lines = [
        f"<span>true</span> {page.name(true, 48)}",
        f"<span>predicted</span> {page.name(predicted, 48)}",
        f"<span>confidence</span> {page.number(mistake.confidence, 3)}",
        f"<span>image</span> {mistake.index}",
    ]
    return f"<li>{drawn}{'<br>'.join(lines)}</li>"


def _calibration(evaluation):
    caption = (
        "How often the model is right among the images on which it is about equally confident. On the dashed line "
        f"its confidence could be taken at its word. Expected calibration error over {len(evaluation.bins)} bins: "
        f"{page.number(evaluation.calibration_error)} "
        '(<a href="https://proceedings.mlr.press/v70/guo17a.html">Guo et al., 2017</a>).'
    )
    drawn = model_figures.calibration(evaluation.bins, evaluation.calibration_error)
    return page.figure("calibration", drawn, caption)
