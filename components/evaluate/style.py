"""One style for all figures: they are drawn in stand-in colours, which `svg` turns into those of the page."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

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

_SETTINGS: Any = {
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
def canvas(width: float, height: float) -> Iterator[Figure]:
    """Yield an empty matplotlib figure of the common style; one unit is a CSS pixel at natural size."""
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the browser has a font for it
        layout = ConstrainedLayoutEngine(w_pad=2 / 72, h_pad=3 / 72)
        figure = Figure(figsize=(width / 72, height / 72), dpi=72, layout=layout)
        FigureCanvasSVG(figure)
        yield figure


def whole_numbers(most: int = 7) -> MaxNLocator:
    """Return a tick locator for whole numbers, at most about `most` of them."""
    return MaxNLocator(most, integer=True, min_n_ticks=1)


def ramp(name: str, share: float) -> str:
    """Return the stand-in colour of a ramp at a share from 0 to 1."""
    return COLOUR[f"{name}-{min(N_RAMP - 1, max(0, int(share * N_RAMP)))}"]


def legend_above(figure: Figure, columns: int = 4) -> None:
    figure.legend(loc="outside upper left", ncols=columns)
