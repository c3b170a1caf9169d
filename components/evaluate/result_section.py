"""What the report says of the result: the model's worth, on what data, and at what cost."""

from dataclasses import dataclass
from typing import Any

from components.core import journal
from components.evaluate.evaluation import Evaluation
from components.evaluate.inputs import ReportInputs
from components.evaluate.metrics import ClassScore
from components.pages.texts import class_labels, count, duration

MANY_CLASSES = 40
"""More classes than this are listed with the weakest first, in a region that scrolls."""

SIDE_BY_SIDE, LONGEST_BESIDE = 12, 32
"""Up to so many classes, of names up to so long, a table of them fits beside something else."""

COMPILED = {
    "xla": "each epoch as one XLA function",
    "graph": "each step as a TensorFlow graph",
    "fit": "not at all: trained by Keras’ fit",
}


Measure = tuple[str, float | None]
"""A figure's name and value; None is one that is not finite."""


@dataclass(frozen=True)
class Tile:
    """A figure to see first: its label, the value (a number that is shown with four decimals, or text), and a note."""

    label: str
    value: float | str
    note: str


@dataclass(frozen=True)
class ClassRow:
    """A row of the table of classes: its number and scores, and as what it was wrongly classified most often."""

    label: int
    score: ClassScore
    taken_for: str | None
    n_taken: int


@dataclass(frozen=True)
class ResultSection:
    """What the section shows.

    Attributes:
        tiles: the figures to see first.
        evaluation: what the model is worth, or None.
        gap: test less validation accuracy, or None.
        measures: further figures on the test split.
        classes: a row a class.
        hyperparameters: the chosen ones.
        times: wall seconds by what took them.
        sums: seconds added up over what may have run side by side, by what they are of.
        data, network, run, versions: facts, text by name; names from outside are values of `data`.
    """

    tiles: list[Tile]
    evaluation: Evaluation | None
    gap: float | None
    measures: list[Measure]
    classes: list[ClassRow]
    hyperparameters: dict[str, Any]
    times: dict[str, float]
    sums: dict[str, float]
    data: dict[str, str]
    network: dict[str, str]
    run: dict[str, Any]
    versions: dict[str, str]

    @property
    def is_small(self) -> bool:
        """Whether a table of the classes fits beside something else."""
        longest = max((len(row.score.name) for row in self.classes), default=0)
        return 0 < len(self.classes) <= SIDE_BY_SIDE and longest <= LONGEST_BESIDE

    @property
    def is_long(self) -> bool:
        return len(self.classes) > MANY_CLASSES


def result_section(inputs: ReportInputs) -> ResultSection:
    """Return what the section on the result shows."""
    evaluation, validation = inputs.evaluation, inputs.chosen_accuracy
    versions = {**(inputs.description.get("versions") or {}), **(evaluation.versions if evaluation else {})}
    return ResultSection(
        tiles=_tiles(inputs),
        evaluation=evaluation,
        gap=evaluation.accuracy - validation if evaluation and validation is not None else None,
        measures=measures(evaluation) if evaluation else [],
        classes=class_rows(evaluation) if evaluation else [],
        hyperparameters=inputs.hyperparameters,
        times=_wall_times(inputs),
        sums=_sums(inputs),
        data=_data_facts(inputs),
        network=network_facts(inputs.description),
        run=_run_facts(inputs),
        versions=versions,
    )


def measures(evaluation: Evaluation) -> list[Measure]:
    """Return what was measured on the test split besides the accuracy, the experiment's own metrics first."""
    always: list[Measure] = [
        ("cross-entropy", evaluation.loss),
        ("macro F1", evaluation.macro_f1),
        ("expected calibration error", evaluation.calibration_error),
    ]
    own = [(evaluation.objective["name"], evaluation.objective["value"]), *evaluation.metrics.items()]
    shown = [("accuracy", evaluation.accuracy), *always]
    return [measure for measure in dict.fromkeys(own) if measure not in shown] + always


def class_rows(evaluation: Evaluation) -> list[ClassRow]:
    """Return a row a class: in their order or, of many, the weakest first."""
    names = class_labels(evaluation.class_names, 48)
    rows = [_class_row(evaluation, names, label) for label in range(len(names))]
    if len(rows) <= MANY_CLASSES:
        return rows
    return sorted(rows, key=lambda row: (row.score.f1 is None, row.score.f1 or 0.0))


def network_facts(description: dict[str, Any]) -> dict[str, str]:
    """Return what the network is, by its description; empty where that does not say."""
    network = description.get("network")
    if not network:
        return {}
    layers = [f"{n} {kind}" if n > 1 else str(kind) for kind, n in network.get("layers", {}).items()]
    if len(layers) > 20:
        layers = [*layers[:20], f"and {len(layers) - 20} more kinds"]
    facts = {"Layers": ", ".join(layers), "Parameters": count(int(network.get("n_parameters", 0)))}
    facts["Compiled"] = COMPILED.get(network.get("compiled"), str(network.get("compiled")))
    if description.get("custom_objects"):
        facts["Needs for loading"] = ", ".join(description["custom_objects"])
    return facts


def _class_row(evaluation: Evaluation, names: list[str], label: int) -> ClassRow:
    wrong = evaluation.confusion[label].copy()
    wrong[label] = 0
    other, score = int(wrong.argmax()), evaluation.classes[label]
    return ClassRow(label, score, names[other] if wrong[other] else None, int(wrong[other]))


def _tiles(inputs: ReportInputs) -> list[Tile]:
    evaluation, search, tiles = inputs.evaluation, inputs.search, []
    if evaluation:
        if not inputs.objective.is_accuracy:
            value = evaluation.objective["value"]
            note = "the objective" if value is not None else "it is not a finite number"
            tiles.append(Tile(inputs.objective.on_test, "–" if value is None else value, note))
        low, high = evaluation.accuracy_interval
        tiles.append(Tile("Test accuracy", evaluation.accuracy, f"95% interval {low:.4f} to {high:.4f}"))
    tiles += _validation_tiles(inputs)
    if search:
        counts = {status: search.count(status) for status in journal.STATUSES}
        note = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
        tiles.append(Tile("Trials", count(len(search.trials)), note))
    times = _wall_times(inputs)
    if times:
        tiles.append(Tile("Wall time", duration(sum(times.values())), " + ".join(times)))
    return tiles


def _validation_tiles(inputs: ReportInputs) -> list[Tile]:
    """Return the tile with the final model's validation objective or else the best trial's score, if there is one."""
    objective, best = inputs.objective, inputs.search.best if inputs.search else None
    if inputs.history and inputs.chosen_score is not None:
        winner = inputs.description.get("winner")
        origin = f", trial {winner['number']} with seed {winner['seed']}" if winner else ""
        of = "of the final before the model was trained anew" if inputs.is_refitted else "of the final model"
        note = f"{of}{origin}, epoch {inputs.history['chosen_epoch']}"
        return [Tile(objective.on_validation, inputs.chosen_score, note)]
    if best:
        return [Tile("Best score so far", objective.scores([best])[0], f"{objective.in_words}, trial {best.number}")]
    return []


def _data_facts(inputs: ReportInputs) -> dict[str, str]:
    facts = {"Data source": inputs.data_source} if inputs.data_source else {}
    if inputs.input_kind:
        facts["An input"] = f"{inputs.input_kind.one} ({inputs.input_kind.dtype})"
    if inputs.evaluation:
        facts["Classes"] = count(len(inputs.evaluation.class_names))
        facts[f"Test {inputs.noun}s"] = count(inputs.evaluation.n_examples)
    roles = (("Training", "those for validation among them"), ("Validation", "for all but the model itself"))
    for name, role in roles:
        n = inputs.description.get(f"n_{name.lower()}_examples")
        if isinstance(n, int):
            facts[f"{name} {inputs.noun}s"] = f"{count(n)}, {role}" if inputs.is_refitted else count(n)
    if inputs.evaluation:
        facts["Test data’s fingerprint"] = inputs.evaluation.data["fingerprint"][:16]
    if inputs.description.get("data_fingerprint"):
        facts["Training data’s fingerprint"] = str(inputs.description["data_fingerprint"])[:16]
    return facts


def _run_facts(inputs: ReportInputs) -> dict[str, Any]:
    """Return the run's parameters or, before those are known, what the model's description says of them."""
    said = {name: inputs.description[name] for name in ("seed", "epochs") if name in inputs.description}
    known = inputs.parameters or said
    return {name: value for name, value in known.items() if name != "data_source" and value != ""}


def _wall_times(inputs: ReportInputs) -> dict[str, float]:
    """Return wall seconds by what took them: of the run's steps, as each ran last, or else of the search so far."""
    if inputs.steps:
        return inputs.steps
    spans = inputs.search.spans if inputs.search else []
    if not spans:
        return {}
    return {"search, first start to last end": max(s.ended for s in spans) - min(s.started for s in spans)}


def _sums(inputs: ReportInputs) -> dict[str, float]:
    sums = {}
    if inputs.search and inputs.search.trials:
        sums["all trials"] = sum(trial.seconds for trial in inputs.search.trials)
    if inputs.history and inputs.history.get("seconds"):
        best = "the best final’s epochs" if inputs.is_refitted else "the model’s epochs"
        sums[f"{best}, those of the search among them"] = float(sum(inputs.history["seconds"]))
    return sums
