"""The report on a run: one self-contained page from whatever the run has left so far."""

from pathlib import Path

from components.evaluate.inputs import ReportInputs
from components.evaluate.mistakes_section import mistakes_section
from components.evaluate.result_section import result_section
from components.evaluate.search_section import search_section
from components.evaluate.training_section import training_section
from components.pages import templating

__all__ = ["TEMPLATES", "ReportInputs", "render"]

TEMPLATES = Path(__file__).parent / "templates"


def render(inputs: ReportInputs) -> str:
    """Return the page, one HTML file with no script and nothing to fetch, as text."""
    n_later = len(inputs.search.trials) - inputs.evaluation.n_trials if inputs.search and inputs.evaluation else 0
    return templating.render(
        TEMPLATES / "report.html",
        inputs=inputs,
        objective=inputs.objective,
        n_later=n_later,
        result=result_section(inputs),
        search=search_section(inputs),
        training=training_section(inputs),
        mistakes=mistakes_section(inputs),
    )
