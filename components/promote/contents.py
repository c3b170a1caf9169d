"""The files of a version: the model, the documents of its run, and examples with the model's answers."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from components.promote import exporting
from components.promote.comparison import MODEL
from components.registry import examples
from components.registry.examples import Examples


@contextlib.contextmanager
def of_version(
    model: str | Path, documents: Mapping[str, str | Path], shown: Examples, formats: Sequence[str] = ()
) -> Iterator[dict[str, Path]]:
    """Yield the files by their names in the version; those that are made for it are gone after the block.

    Args:
        model: the model artifact.
        documents: paths of further files, by their names in the version.
        shown: examples of the test data.
        formats: what the model is written as, too.

    Raises:
        NotExported: it can't be.
    """
    of_model = {f"{MODEL}{path.relative_to(model).as_posix()}": path for path in sorted(Path(model).rglob("*"))}
    found = {name: path for name, path in of_model.items() if path.is_file()}
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / examples.FILE
        examples.write(shown, made)
        exported = exporting.export(model, list(formats), shown, Path(folder))
        yield {**found, **exported, examples.FILE: made, **{name: Path(path) for name, path in documents.items()}}
