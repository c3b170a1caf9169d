"""The report's table of the machines that trained for a search."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.evaluate.timeline_figure import busy_share_of
from components.evaluate.trials import Span

MOST_ROWS = 100


@dataclass(frozen=True)
class MachineRow:
    """What one machine did.

    Attributes:
        name: empty for the machine that searched.
        workers: the numbers of its workers; new ones after it was lost and came again.
        n_trials: configurations that it trained.
        n_attempts: stretches of them.
        seconds: sum over its workers.
        busy: share of its workers' time in which they trained, 0 to 1.
        n_lost: attempts that were lost with it, and tried again elsewhere.
    """

    name: str
    workers: list[int]
    n_trials: int
    n_attempts: int
    seconds: float
    busy: float
    n_lost: int


def machine_table(spans: Sequence[Span]) -> list[MachineRow]:
    """Return a row a machine, the busiest first; none of a search that had only its own."""
    names = {span.machine for span in spans}
    if names <= {""}:
        return []
    rows = [_row(name, spans) for name in names]
    return sorted(rows, key=lambda row: (-row.seconds, row.name))


def _row(name: str, spans: Sequence[Span]) -> MachineRow:
    own = [span for span in spans if span.machine == name]
    return MachineRow(
        name=name,
        workers=sorted({span.worker for span in own}),
        n_trials=len({span.number for span in own}),
        n_attempts=len(own),
        seconds=sum(span.seconds for span in own),
        busy=busy_share_of({span.lane for span in own}, spans),
        n_lost=sum(span.outcome == "lost" for span in own),
    )
