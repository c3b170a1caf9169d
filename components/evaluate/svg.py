"""Matplotlib's SVG made fit to stand inside a page.

The stand-in colours become CSS variables, so that the page's light or dark palette colours a figure; its text stays
text, in the page's font, which may be narrower than the one that matplotlib measured with.
"""

import html
import io
import re
from typing import Any
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from components.evaluate.style import COLOUR
from components.pages.texts import clean


def as_svg(figure: Figure, name: str, label: str) -> Markup:
    """Return a figure from `canvas` as an `<svg>` element, the same text for the same figure.

    Args:
        figure: what was drawn.
        name: a word that no other figure on the page has; keeps their clip paths apart.
        label: what a reader who can't see it should know.
    """
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.patch.set_visible(False)
        for axes in figure.axes:
            axes.patch.set_visible(False)
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(buffer, metadata={"Date": None})  # savefig would draw it twice
    root = ElementTree.fromstring(buffer.getvalue())
    referenced = _referenced(root)
    body = "".join(_markup(child, referenced) for child in root)
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    return Markup(
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{html.escape(clean(label))}">{body}</svg>'
    )


def _markup(element: ElementTree.Element, referenced: set[str]) -> str:
    """Return an element as markup for a page, without what a page does not need.

    Metadata, style sheets, groups that say nothing and identifiers that nothing refers to are left out. Only
    attributes are rewritten, never text, which comes from outside.
    """
    tag = element.tag.rpartition("}")[2]
    if tag in ("metadata", "style"):
        return ""
    inner = html.escape((element.text or "").strip()) + "".join(_markup(child, referenced) for child in element)
    attributes = "".join(_attribute(name.rpartition("}")[2], value, referenced) for name, value in element.items())
    if not inner and tag in ("g", "defs"):
        return ""
    if tag == "g" and not attributes:
        return inner
    return f"<{tag}{attributes}>{inner}</{tag}>"


def _attribute(name: str, value: str, referenced: set[str]) -> str:
    if (name == "id" and value not in referenced) or value.startswith("rotate(-0 "):
        return ""
    if name == "style":
        value = _STANDIN.sub(lambda match: f"var(--{_ROLE[match[0]]})", _FONT_FAMILY.sub("", value)).replace(": ", ":")
    elif name != "id":
        value = " ".join(_LONG_FRACTION.sub(r"\1", value).split())
    return f' {name}="{html.escape(value)}"' if value else ""


def _referenced(root: ElementTree.Element) -> set[str]:
    """Return the identifiers that some attribute refers to."""
    values = [value for element in root.iter() for value in element.attrib.values()]
    return {name for value in values for name in re.findall(r"#([\w.-]+)", value)}


_ROLE = {colour: role for role, colour in COLOUR.items()}
_STANDIN = re.compile(r"#abc[0-9a-f]{3}")
_FONT_FAMILY = re.compile(r" ?font-family: [^;]*;?")
_LONG_FRACTION = re.compile(r"(\.\d\d)\d+")
