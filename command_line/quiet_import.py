"""Keeps what TensorFlow writes to standard error while it is imported away from the user.

Its libraries log from their own start-up, before any setting of theirs is looked at.
"""

import contextlib
import importlib.abc
import importlib.machinery
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any


class QuietImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one package with standard error held back; what it wrote is shown when the import fails.

    `sys.meta_path.insert(0, QuietImport("tensorflow"))` puts it to work.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._loader: Any = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._package:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec and spec.loader:
            self._loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__:
            module.__spec__.loader = self._loader
        with _held_back():
            self._loader.exec_module(module)


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Send the file descriptor of standard error to a file while the block runs; when it raises, show the file."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
