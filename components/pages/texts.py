"""Values as short text for people. What comes from outside is cleaned of what no page can show."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

_OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def clean(text: object) -> str:
    """Return text without what no page can show: control characters, lone surrogates and direction overrides."""
    return "".join(_shown(character) for character in str(text))


def shorten(text: object, columns: int) -> str:
    """Return cleaned text in at most `columns` columns, cut in the middle; wide characters take two."""
    cleaned = clean(text)
    if _columns(cleaned) <= columns:
        return cleaned
    tail = columns // 3
    start, end = cleaned[:columns], cleaned[::-1][:columns]
    while _columns(start) > columns - tail - 1:
        start = start[:-1]
    while _columns(end) > tail:
        end = end[:-1]
    return f"{start.rstrip()}…{end[::-1].lstrip()}"


def class_labels(names: Sequence[str], columns: int) -> list[str]:
    """Return the classes' names cut to `columns`, each led by its number when two look equal or one is empty."""
    cut = [shorten(name, columns) for name in names]
    if len(set(cut)) == len(cut) and all(text.strip() for text in cut):
        return cut
    room = columns - len(f"{len(names) - 1} ")
    return [f"{index} {shorten(name, room)}".rstrip() for index, name in enumerate(names)]


def text_of(value: Any) -> str:
    """Return a hyperparameter's value as short text: three significant digits, `yes` and `no`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _float_text(value)
    return str(value)


def score_text(value: float) -> str:
    """Return a figure of merit: four decimals, or four significant digits where those would say too little."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1000 else f"{value:.4g}"


def count(value: int) -> str:
    """Return a whole number with its thousands apart."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def plural(n: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count(n)} {noun}" if n == 1 else f"{count(n)} {noun}s"


def listed(values: Iterable[object]) -> str:
    """Return values as text in a row, the last one after an "and"."""
    *first, last = map(str, values)
    return f"{', '.join(first)} and {last}" if first else last


def duration(seconds: float) -> str:
    """Return seconds as text with two units at most."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def capitalized(text: str) -> str:
    """Return text with its first letter in upper case and the others as they are."""
    return text[:1].upper() + text[1:]


def _shown(character: str) -> str:
    if character in "\n\t":
        return " "
    odd = unicodedata.category(character) in ("Cc", "Cs", "Cn") or character in _OVERRIDES
    return "\N{REPLACEMENT CHARACTER}" if odd else character


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _float_text(value: float) -> str:
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    if 1e-3 <= abs(value) < 1e6:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    digits, exponent = f"{value:.2e}".split("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(exponent)}"
