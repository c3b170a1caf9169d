"""Tables for a terminal or a log: columns of the same width, nothing cut, no spaces at the end of a line."""

from collections.abc import Sequence

import click


def show(header: Sequence[object], rows: Sequence[Sequence[object]]) -> None:
    """Print rows below a header; of a header that is empty, the rows alone."""
    texts = [[str(cell) for cell in row] for row in ([header, *rows] if any(header) else rows)]
    widths = [max(len(row[index]) for row in texts) for index in range(len(header))] if texts else []
    for row in texts:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
