"""The files of a version: model, report and model card of its run, and examples with the model's answers."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from components.promote.comparison import MODEL
from components.registry import examples
from components.registry.examples import Examples


@contextlib.contextmanager
def of_version(model: str, report: str, model_card: str, shown: Examples) -> Iterator[dict[str, Path]]:
    """Yield the files by their names in the version; those that are made for it are gone after the block.

    Args:
        model, report, model_card: paths of the run's artifacts.
        shown: examples of its test data.
    """
    of_model = {f"{MODEL}{path.relative_to(model).as_posix()}": path for path in sorted(Path(model).rglob("*"))}
    found = {name: path for name, path in of_model.items() if path.is_file()}
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / examples.FILE
        examples.write(shown, made)
        yield {**found, examples.FILE: made, "report.html": Path(report), "model_card.md": Path(model_card)}
