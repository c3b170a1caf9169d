"""The report on a run: one self-contained page from whatever the run has left so far."""

from components.evaluate import page
from components.evaluate.inputs import ReportInputs
from components.evaluate.model_sections import mistakes_section, result_section, training_section
from components.evaluate.search_section import search_section

__all__ = ["ReportInputs", "render"]


def render(inputs):
    """Return the page, one HTML file with no script and nothing to fetch, as text."""
    sections = [
        ("Result", result_section(inputs)),
        ("Search", search_section(inputs)),
        ("Training", training_section(inputs)),
        ("Mistakes", mistakes_section(inputs)),
    ]
    return page.document("Run report", _lead(inputs), sections)


def _lead(inputs):
    source = inputs.data_source
    lead = f'<p class="lead">Data: {page.name(source)}</p>' if source else ""
    if source == "synthetic":
        lead += page.warning(
            "Synthetic data",
            "These images were drawn by a program. No figure on this page says anything about real data, "
            "Fashion-MNIST included.",
        )
    if inputs.evaluation is None:
        lead += page.warning("Unfinished", "No model has been evaluated yet; this page shows what there is so far.")
    elif inputs.search and len(inputs.search.trials) > inputs.evaluation.n_trials:
        later = page.plural(len(inputs.search.trials) - inputs.evaluation.n_trials, "trial")
        lead += page.warning("The search has gone on", f"{later} finished after the model was evaluated.")
    return lead
