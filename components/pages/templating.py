"""The pages' templates: what they can call, and what happens to a value on its way into a page.

Whatever a template shows is cleaned and escaped, unless this project made it as markup; a name that is not there is an
error, not an empty place.
"""

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from components.pages import texts

FOLDER = Path(__file__).parent


def render(template: Path, **values: Any) -> str:
    """Return a page, one HTML file with no script and nothing to fetch, as text.

    Args:
        template: the page's, beside the parts that are its own; what all pages have is in `templates/` here.
        **values: what it shows.
    """
    css = Markup((FOLDER / "page.css").read_text(encoding="utf-8"))
    return _environment(template.parent).get_template(template.name).render(css=css, **values)


def number(value: float | None, digits: int = 4) -> Markup:
    """Return a number with its full value for machines, or a dash for None."""
    if value is None:
        return Markup("–")
    return Markup('<data value="{}">{}</data>').format(repr(float(value)), f"{value:.{digits}f}")


def score(value: float | None) -> Markup:
    """Return a figure of merit with its full value for machines, or a dash for None."""
    if value is None:
        return Markup("–")
    return Markup('<data value="{}">{}</data>').format(repr(float(value)), texts.score_text(value))


def name(value: object, longest: int = 300) -> Markup:
    """Return a name from outside as an element of its own, so that its writing direction stays inside."""
    return Markup("<bdi>{}</bdi>").format(texts.shorten(value, longest))


def breakable(identifier: object) -> Markup:
    """Return an identifier that may be broken after its underscores."""
    return Markup(escape(texts.clean(identifier)).replace("_", Markup("_<wbr>")))


def share(value: float) -> str:
    return f"{100 * value:.1f}%"


def parameter_words(parameter: str) -> str:
    """Return a parameter's name as words, with its unit."""
    words = texts.capitalized(parameter.removesuffix("_s").replace("_", " "))
    return words + (" (seconds)" if parameter.endswith("_s") else "")


def _environment(folder: Path) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, FOLDER / "templates"]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_cleaned,
    )
    own: tuple[Any, ...] = (number, score, name, breakable, share, parameter_words)
    shared = (texts.count, texts.plural, texts.listed, texts.duration, texts.text_of, texts.shorten, texts.capitalized)
    environment.filters.update({function.__name__: function for function in own + shared})
    return environment


def _cleaned(value: Any) -> Any:
    return texts.clean(value) if type(value) is str else value
