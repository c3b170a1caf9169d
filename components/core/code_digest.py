"""What decides a training besides its parameters: the code of the experiment and of the training loop, and versions.

Code counts by its syntax tree: comments, docstrings and layout do not.
"""

import ast
import hashlib
from importlib import metadata
from pathlib import Path

COMPONENTS = Path(__file__).resolve().parents[1]
CORE = ("declaration", "experiment", "hyperparameters", "scores")
DECIDING = ("experiment", "training", *(f"core/{name}.py" for name in CORE))
"""What is read, below `components`: folders with all that is in them, and single files."""

TRAINING_PACKAGES = ("tensorflow", "keras", "numpy")
SEARCH_PACKAGES = (*TRAINING_PACKAGES, "keras-tuner", "scipy")


def code_digests(components: Path = COMPONENTS) -> dict[str, str]:
    """Return 16 hexadecimal digits for each file that decides a training, by its path below the project's folder.

    Args:
        components: the folder `components`.
    """
    found = [file for name in DECIDING for file in _files(components / name)]
    return {f"components/{file.relative_to(components).as_posix()}": _digest(file) for file in found}


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the installed version of each package, by its name."""
    return {name: metadata.version(name) for name in packages}


def normalized(source: str) -> str:
    """Return Python source as one writes it without comments, docstrings and a layout of one's own.

    Raises:
        SyntaxError: it is no Python.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [each for each in node.body if not _is_docstring(each)] or [ast.Pass()]
    return ast.unparse(tree)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return [file for file in files if "__pycache__" not in file.parts and not file.name.startswith(".")]


def _digest(file: Path) -> str:
    content = file.read_bytes()
    if file.suffix == ".py":
        content = normalized(content.decode("utf-8")).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def _is_docstring(statement: ast.stmt) -> bool:
    """Return whether a statement is text that nothing is done with: a docstring, or that of an attribute."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
