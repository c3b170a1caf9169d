"""One style for all figures, and matplotlib's SVG made fit to stand inside a page.

A figure is drawn in stand-in colours that become CSS variables, so that the page's light or dark palette colours
it; its text stays text, in the page's font, which may be narrower than the one that matplotlib measured with.
"""

import contextlib
import html
import io
import re
import unicodedata
import warnings
from xml.etree import ElementTree

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

N_RAMP = 8
"""Steps of the colour ramps: `value` for good or bad, `shade` for cells of a table, with `on-shade` for their text."""

_FLAT = ("ink", "muted", "grid", "blue", "orange", "green", "grey", "page")
_RAMPS = tuple(f"{ramp}-{step}" for ramp in ("value", "shade", "on-shade") for step in range(N_RAMP))

COLOUR = {role: f"#abc{number:03x}" for number, role in enumerate(_FLAT + _RAMPS)}
"""Stand-in colours by role; `page.css` has a variable of the same name for each."""

_SETTINGS: dict = {
    "axes.axisbelow": True,
    "axes.edgecolor": COLOUR["grid"],
    "axes.grid": True,
    "axes.labelcolor": COLOUR["muted"],
    "axes.labelsize": 11,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "axes.unicode_minus": True,
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "grid.color": COLOUR["grid"],
    "grid.linewidth": 0.8,
    "legend.borderaxespad": 0.2,
    "legend.columnspacing": 1.2,
    "legend.fontsize": 10.5,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.handletextpad": 0.5,
    "lines.linewidth": 1.6,
    "patch.linewidth": 0,
    "svg.fonttype": "none",
    "text.color": COLOUR["ink"],
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.color": COLOUR["grid"],
    "xtick.labelcolor": COLOUR["muted"],
    "xtick.labelsize": 10.5,
    "ytick.color": COLOUR["grid"],
    "ytick.labelcolor": COLOUR["muted"],
    "ytick.labelsize": 10.5,
    "ytick.major.size": 0,
}


@contextlib.contextmanager
def canvas(width, height):
    """Yield an empty matplotlib figure of the common style; one unit is a CSS pixel at natural size."""
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the browser has a font for it
        layout = ConstrainedLayoutEngine(w_pad=2 / 72, h_pad=3 / 72)
        figure = Figure(figsize=(width / 72, height / 72), dpi=72, layout=layout)
        FigureCanvasSVG(figure)
        yield figure


def as_svg(figure, name, label):
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
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # savefig would draw it twice
    root = ElementTree.fromstring(buffer.getvalue())
    referenced = _referenced(root)
    body = "".join(_markup(child, referenced) for child in root)
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{html.escape(clean(label))}">{body}</svg>'
    )


def clean(text):
    """Return text without what no page can show: control characters, lone surrogates and direction overrides."""
    return "".join(_shown(character) for character in str(text))


def shorten(text, columns):
    """Return cleaned text in at most `columns` columns, cut in the middle; wide characters take two."""
    text = clean(text)
    if _columns(text) <= columns:
        return text
    tail = columns // 3
    start, end = text, text[::-1]
    while _columns(start) > columns - tail - 1:
        start = start[:-1]
    while _columns(end) > tail:
        end = end[:-1]
    return f"{start.rstrip()}…{end[::-1].lstrip()}"


def whole_numbers(most=7):
    """Return a tick locator for whole numbers, at most about `most` of them."""
    return MaxNLocator(most, integer=True, min_n_ticks=1)


def ramp(name, share):
    """Return the stand-in colour of a ramp at a share from 0 to 1."""
    return COLOUR[f"{name}-{min(N_RAMP - 1, max(0, int(share * N_RAMP)))}"]


_OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def _shown(character):
    if character in "\n\t":
        return " "
    odd = (
        unicodedata.category(character) in ("Cc", "Cs", "Cn")
        or character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )
    return "\N{REPLACEMENT CHARACTER}" if odd else character


def _columns(text):
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _markup(element, referenced):
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


def _attribute(name, value, referenced):
    if (name == "id" and value not in referenced) or value.startswith("rotate(-0 "):
        return ""
    if name == "style":
        value = _STANDIN.sub(lambda match: f"var(--{_ROLE[match[0]]})", _FONT_FAMILY.sub("", value)).replace(": ", ":")
    elif name != "id":
        value = " ".join(_LONG_FRACTION.sub(r"\1", value).split())
    return f' {name}="{html.escape(value)}"' if value else ""


def _referenced(root):
    """Return the identifiers that some attribute refers to."""
    values = [value for element in root.iter() for value in element.attrib.values()]
    return {name for value in values for name in re.findall(r"#([\w.-]+)", value)}


_ROLE = {colour: role for role, colour in COLOUR.items()}
_STANDIN = re.compile(r"#abc[0-9a-f]{3}")
_FONT_FAMILY = re.compile(r" ?font-family: [^;]*;?")
_LONG_FRACTION = re.compile(r"(\.\d\d)\d+")
