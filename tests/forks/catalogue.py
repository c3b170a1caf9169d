"""The forks that docs/fork.md shows: their patches, the data each is for, and the examples in the page."""

import re

from tests import fork
from tests.forks import data

FORKS = {
    "convnet": (data.colour_images, "16x16x3:uint8"),
    "optimizer": (data.grey_images, "12x20:uint8"),
    "custom_layer": (data.grey_images, "12x20:uint8"),
    "branches": (data.grey_images, "12x20:uint8"),
    "table": (data.table, "4:float32"),
    "bundle_step": (data.grey_images, "12x20:uint8"),
}
"""What writes a fork's data, and its inputs' shape and type, by the name of its patch."""

PAGE = fork.ROOT / "docs" / "fork.md"


def patch(name):
    """Return the text of a patch."""
    return (fork.PATCHES / f"{name}.patch").read_text()


def changed_files(name):
    """Return the paths of the files that a patch changes, adds or removes."""
    return re.findall(r"^diff --git a/(\S+) ", patch(name), re.MULTILINE)


def new_text(name):
    """Return what a patch shows of each file as it is afterwards, by the file's path."""
    texts = {}
    for part in re.split(r"^diff --git .*\n", patch(name), flags=re.MULTILINE)[1:]:
        path = re.search(r"^\+\+\+ b/(.+)$", part, re.MULTILINE)
        if path:
            lines = part[path.end() :].split("\n")
            texts[path[1]] = "\n".join(line[1:] for line in lines if line[:1] in ("+", " ", "@"))
    return texts


def examples():
    """Return the page's examples: patch, file and code of each."""
    found, name = [], None
    marks = r"tests/forks/(\w+)\.patch\)|^```python\n# (\S+)\n(.*?)^```$"
    for match in re.finditer(marks, PAGE.read_text(), re.MULTILINE | re.DOTALL):
        name = match[1] or name
        if match[2]:
            found.append((name, match[2], match[3].strip("\n")))
    return found
