"""The model card: what a model is for, how good it is, how it was chosen, and how to load it, as Markdown."""

import html
import re

import jinja2

from components.evaluate.evaluation import Evaluation
from components.evaluate.finals import finals_of, kept_of
from components.evaluate.inputs import ReportInputs
from components.evaluate.metrics import ClassScore
from components.evaluate.report import TEMPLATES
from components.evaluate.result_section import measures, network_facts
from components.pages import texts

MOST_NAMES = 40


def model_card(inputs: ReportInputs) -> str:
    """Return the card as Markdown.

    Raises:
        ValueError: there is no evaluation.
    """
    evaluation, kind = inputs.evaluation, inputs.input_kind
    if evaluation is None or kind is None:
        raise ValueError("a model card needs an evaluation")
    names, finals = texts.class_labels(evaluation.class_names, 80), finals_of(inputs)
    best = inputs.search.best if inputs.search else None
    return (
        _environment()
        .get_template("model_card.md")
        .render(
            kind=kind,
            names=names[:MOST_NAMES],
            n_more=len(names[MOST_NAMES:]),
            n_classes=len(names),
            network=network_facts(inputs.description),
            evaluation=evaluation,
            measures=measures(evaluation),
            objective=inputs.objective,
            search=inputs.search,
            best=best,
            best_score=inputs.objective.score(best) if best else None,
            finals=finals,
            kept=kept_of(finals),
            chosen_epoch=(inputs.history or {}).get("chosen_epoch"),
            chosen_score=inputs.chosen_score,
            refitted=inputs.is_refitted,
            hyperparameters=inputs.description.get("hyperparameters") or {},
            weakest=_weakest(evaluation),
            custom_objects=inputs.description.get("custom_objects") or [],
        )
    )


def escape(value: object) -> str:
    """Return any value as text that Markdown shows as it is, in one line."""
    return re.sub(r"([\\`*_{}\[\]()#+!|~$-])", r"\\\1", html.escape(texts.clean(value), quote=False))


def _weakest(evaluation: Evaluation) -> ClassScore:
    """Return the class with the lowest recall."""
    scored = [(each.recall, index) for index, each in enumerate(evaluation.classes) if each.recall is not None]
    return evaluation.classes[min(scored)[1]]


def _environment() -> jinja2.Environment:
    """Return the templates' environment; whatever a template shows is escaped for Markdown."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=escape,
    )
    environment.filters.update(
        score=texts.score_text, text_of=texts.text_of, plural=texts.plural, capitalized=texts.capitalized
    )
    return environment
