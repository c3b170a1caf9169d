"""Which attempts at a training never ended: the way to know a configuration that takes everything down with it.

Where a training needs more memory than there is, the kernel may end its process, or the whole container with the
search in it. The search writes down each attempt before it begins and each end that it sees; an attempt without an end
was going on when the search itself ended.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

EVENTS = frozenset({"attempt", "large", "released"})

MOST_ENDS_WHEN_LARGE = 2
MOST_ENDS = 10
"""After so many ends of the whole search a configuration has failed: few where it had been seen to take much of the
memory, more where it was not, since a search may be killed for other reasons."""


class Attempts:
    """Attempts by trial number.

    The events, each a dictionary with one key and the trial's number: `attempt` (one begins), `large` (it takes most
    of the memory that it may), `released` (it ended, and the search did not).
    """

    def __init__(self) -> None:
        self._open: dict[int, bool] = {}
        self._ends: Counter[int] = Counter()
        self._large_ends: Counter[int] = Counter()

    def take_in(self, event: Mapping[str, Any]) -> None:
        """Take in one event.

        Raises:
            ValueError: it is none.
        """
        (kind, number), *rest = event.items()
        if rest or kind not in EVENTS or type(number) is not int or number < 0:
            raise ValueError(f"an event must be one of {', '.join(sorted(EVENTS))} with a trial's number")
        if kind == "attempt":
            self._count_open(number)
            self._open[number] = False
        elif kind == "large" and number in self._open:
            self._open[number] = True
        else:
            self._open.pop(number, None)

    def end(self, number: int) -> None:
        """Take in that a trial's training came to a result."""
        self._open.pop(number, None)
        for counter in (self._ends, self._large_ends):
            counter.pop(number, None)

    def suspects(self) -> list[int]:
        """Return the trials in which the search has ended before, by number: better run one at a time."""
        return sorted(self._open.keys() | self._ends.keys())

    def ends_of(self, number: int) -> int:
        """Return how often the search has ended while this trial was being trained."""
        return self._ends[number] + (number in self._open)

    def is_large(self, number: int) -> bool:
        """Return whether the attempt that goes on was seen to take much of the memory."""
        return self._open.get(number, False)

    def is_guilty(self, number: int) -> bool:
        """Return whether a trial has ended the search too often to be tried again."""
        large = self._large_ends[number] + self._open.get(number, False)
        return large >= MOST_ENDS_WHEN_LARGE or self.ends_of(number) >= MOST_ENDS

    def _count_open(self, number: int) -> None:
        """Count the attempt that another follows without an end in between."""
        if number in self._open:
            self._ends[number] += 1
            self._large_ends[number] += self._open[number]
