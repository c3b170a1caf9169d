"""The parts of a page: each function returns HTML; whatever comes from outside goes through `text`."""

import html
import math
from pathlib import Path

import numpy as np

from components.evaluate.style import clean, shorten

LARGEST_SIDE = 40
"""Pixels of a side of an image that is shown; a larger one is scaled down, so that the page stays small."""

GREY_STEP = 8
"""Grey levels that are shown as one."""


def text(value):
    """Return any value as text that is safe anywhere in a page, quoted attributes included."""
    return html.escape(clean(value))


def name(value, longest=300):
    """Return a name from outside as an element of its own, so that its writing direction stays inside."""
    return f"<bdi>{text(shorten(value, longest))}</bdi>"


def breakable(identifier):
    """Return an identifier as text that may be broken after its underscores."""
    return text(identifier).replace("_", "_<wbr>")


def number(value, digits=4):
    """Return a number with its full value for machines, or a dash for None."""
    return "–" if value is None else f'<data value="{value!r}">{value:.{digits}f}</data>'


def count(value):
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def duration(seconds):
    """Return seconds as text with two units at most."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def share(value):
    return f"{100 * value:.1f}%"


def plural(n, noun):
    """Return a count with its noun."""
    return f"{count(n)} {noun}" if n == 1 else f"{count(n)} {noun}s"


def document(title, lead, sections):
    """Return a whole page.

    Args:
        title: plain text.
        lead: HTML below the title.
        sections: pairs of a heading, plain text, and HTML.
    """
    links = "".join(f'<a href="#{_anchor(heading)}">{text(heading)}</a>' for heading, _ in sections)
    body = "".join(
        f'<section id="{_anchor(heading)}"><h2>{text(heading)}</h2>{content}</section>'
        for heading, content in sections
    )
    css = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title>\n<style>\n{css}</style></head>\n"
        f'<body><header><h1>{text(title)}</h1>{lead}<nav aria-label="Sections">{links}</nav></header>'
        f"<main>{body}</main></body></html>\n"
    )


def figure(identifier, content, caption, wide=False):
    """Return a figure.

    Args:
        identifier: its `id`.
        content: SVG or other HTML.
        caption: HTML.
        wide: whether it may scroll sideways on a narrow screen, where it would become too small to read.
    """
    inner = scroller(content, f"Figure {identifier}") if wide else content
    return f'<figure id="{identifier}">{inner}<figcaption>{caption}</figcaption></figure>'


def columns(*blocks):
    """Return blocks of HTML side by side where there is room for it."""
    return f'<div class="columns">{"".join(f"<div>{block}</div>" for block in blocks)}</div>'


def scroller(content, label, tall=False):
    """Return content in a region that scrolls by itself, by keyboard too, so that the page never does sideways."""
    kind = "scroll tall" if tall else "scroll"
    return f'<div class="{kind}" role="region" aria-label="{text(label)}" tabindex="0">{content}</div>'


def table(caption, columns, rows, tall=False, marked=()):
    """Return a table in a region that scrolls by itself.

    Args:
        caption: plain text.
        columns: pairs of a heading, plain text, and `n` (numbers, to the right) or `t` (text).
        rows: lists of HTML, a cell a column; the first is the row's heading.
        tall: whether a long table scrolls downwards too.
        marked: indices of rows to stress.
    """
    kinds = [kind for _, kind in columns]
    head = "".join(f'<th scope="col"{_class(kind)}>{breakable(heading)}</th>' for heading, kind in columns)
    body = "".join(_row(cells, kinds, index in marked) for index, cells in enumerate(rows))
    packed = ' class="packed"' if len(columns) > 6 else ""
    inner = (
        f"<table{packed}><caption>{text(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
    return scroller(inner, caption, tall)


def facts(pairs):
    """Return a list of facts: pairs of a term, plain text, and HTML."""
    inner = "".join(f"<div><dt>{text(term)}</dt><dd>{value}</dd></div>" for term, value in pairs)
    return f'<dl class="facts">{inner}</dl>'


def tiles(entries):
    """Return the figures to see first: triples of a label, plain text, and HTML for the value and for a note."""
    inner = "".join(
        f"<div><dt>{text(label)}</dt><dd><strong>{value}</strong><span>{note}</span></dd></div>"
        for label, value, note in entries
    )
    return f'<dl class="tiles">{inner}</dl>'


def warning(heading, content):
    """Return a banner; `heading` is plain text, `content` HTML."""
    return f'<div class="warning" role="note"><strong>{text(heading)}</strong> {content}</div>'


def missing(sentence):
    """Return a sentence, HTML, that stands for what can't be shown."""
    return f'<p class="missing">{sentence}</p>'


def picture(pixels, alternative):
    """Return a grey image, uint8, shape (height, width), as an SVG of runs of equal pixels.

    It stands in the page as it is, where an `<img>` would count as something to fetch, if only from a `data:` URL.
    """
    levels = _scaled_down(pixels) // GREY_STEP
    height, width = levels.shape
    paths = "".join(_runs(levels, level) for level in np.unique(levels).tolist() if level)
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{text(alternative)}" '
        f'shape-rendering="crispEdges"><rect width="{width}" height="{height}"/>{paths}</svg>'
    )


def _scaled_down(pixels):
    """Return the image with neither side longer than `LARGEST_SIDE`, each pixel the mean of a square."""
    step = math.ceil(max(pixels.shape) / LARGEST_SIDE)
    height, width = (max(1, side // step) for side in pixels.shape)
    cut = pixels[: height * step, : width * step]
    return cut.reshape(height, -1, width, cut.shape[1] // width).mean(axis=(1, 3)).astype(np.uint8)


def _runs(levels, level):
    """Return a path that strokes every run of pixels of one grey level."""
    padded = np.pad(levels == level, ((0, 0), (1, 1))).astype(np.int8)
    (rows, starts), (_, ends) = (np.nonzero(np.diff(padded) == sign) for sign in (1, -1))
    strokes = "".join(f"M{x} {y}.5h{end - x}" for y, x, end in zip(rows, starts, ends, strict=True))
    grey = f"{round(level * GREY_STEP * 255 / (256 - GREY_STEP)):02x}"
    return f'<path stroke="#{grey * 3}" d="{strokes}"/>'


def _anchor(heading):
    return heading.lower().replace(" ", "-")


def _class(kind):
    return ' class="n"' if kind == "n" else ""


def _row(cells, kinds, marked):
    first, *rest = cells
    inner = "".join(f"<td{_class(kind)}>{cell}</td>" for cell, kind in zip(rest, kinds[1:], strict=True))
    mark = ' class="best"' if marked else ""
    return f'<tr{mark}><th scope="row"{_class(kinds[0])}>{first}</th>{inner}</tr>'
