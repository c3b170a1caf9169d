"""What failed, in one line: TensorFlow and Keras put stacks into their messages, around the line that says it."""

import re

MOST_CHARACTERS = 500

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PLACES = re.compile(r"\s*\[(?:Op:[^]]*|\[\{\{.*?\}\}\]\])\]?|\{\{function_node [^}]*\}\}")
"""The names of a graph's nodes, in which a cause is wrapped."""
_HEADINGS = re.compile(
    r"in user code:|Graph execution error:|Traceback \(|Detected at node|The op is created at|Stack trace for op"
    r"|Exception encountered when calling|\(\d+\) \w+: *$|\d+ (?:root error|successful operation|derived error)"
)
_TRAILERS = re.compile(r"(?:Call a|A)rguments received by ")


def cause(error: BaseException) -> str:
    """Return the type of an error and what its message says, without stacks, in one line of at most 500 characters."""
    return one_line(f"{type(error).__name__}: {without_stacks(str(error)) or _plain(str(error))}".rstrip(": "))


def without_stacks(message: str) -> str:
    """Return the lines of a message that are neither of a stack nor a heading of one."""
    kept: list[str] = []
    stack_indent: int | None = None
    for line in _plain(message).splitlines():
        text, indent = line.strip(), len(line) - len(line.lstrip())
        if _TRAILERS.match(text):
            break
        if text.startswith('File "'):
            stack_indent = indent
        elif stack_indent is not None and (not text or indent > stack_indent):
            continue  # the code at that place
        elif text and not _HEADINGS.match(text):
            stack_indent = None
            kept.append(text)
    return "\n".join(kept)


def one_line(text: str) -> str:
    """Return a text as one line of at most 500 characters."""
    return " ".join(text.split())[:MOST_CHARACTERS]


def _plain(text: str) -> str:
    return _PLACES.sub("", _COLOURS.sub("", text))
