"""Cron expressions as Kubeflow Pipelines reads them: six fields, the first of them seconds."""

import itertools
import re

from components.core.errors import InvalidInput

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_FIELDS = {
    "seconds": (0, 59, {}),
    "minutes": (0, 59, {}),
    "hours": (0, 23, {}),
    "day of month": (1, 31, {}),
    "month": (1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    "day of week": (0, 6, {name: number for number, name in enumerate(_DAYS)}),
}

_RANGE = re.compile(r"(?:(?P<any>[*?])|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>\d+))?")


def check(expression):
    """Refuse what is no cron expression of six fields, or names a time that never comes.

    A field holds ranges with commas between: `*` or `?`, a number or an English three-letter name, `low-high`, each
    with a step as `/n` if need be.

    Raises:
        InvalidInput: the message names the field that is wrong.
    """
    texts = expression.split()
    if len(texts) != len(_FIELDS):
        hint = f"; put a 0 for the seconds in front: '0 {expression}'" if len(texts) == 5 else ""
        raise InvalidInput(f"cron must have six fields ({', '.join(_FIELDS)}), got {expression!r}{hint}")
    values = {name: _values(name, text) for name, text in zip(_FIELDS, texts, strict=True)}
    dates = itertools.product(values["month"], values["day of month"])
    any_day_of_week = len(values["day of week"]) == 7
    if any_day_of_week and not any(day <= _DAYS_IN_MONTH[month - 1] for month, day in dates):
        raise InvalidInput(f"cron must name a day that comes, and no such month has that day, got {expression!r}")


def _values(name, text):
    """Return the numbers that a field allows."""
    allowed = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        numbers = _numbers(match, *_FIELDS[name]) if match else None
        if not numbers:
            low, high, _ = _FIELDS[name]
            raise InvalidInput(f"cron's {name} must hold numbers from {low} to {high}, *, a-b or a/n, got {text!r}")
        allowed.update(numbers)
    return allowed


def _numbers(match, low, high, names):
    """Return the numbers of one range, or None when it leaves the field's limits."""
    if not match["any"]:
        first = _number(match["low"], names)
        last = _number(match["high"], names) if match["high"] else (high if match["step"] else first)
        if first is None or last is None or not low <= first <= last <= high:
            return None
        low, high = first, last
    step = int(match["step"] or 1)
    return range(low, high + 1, step) if step else None


def _number(text, names):
    return int(text) if text.isdecimal() else names.get(text.upper())
