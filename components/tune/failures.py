"""When a search is given up: nothing that it tries comes to a result."""

import re
from collections import Counter
from collections.abc import Sequence

from components.core.errors import PipelineError
from components.core.trial import Trial

MIN_FAILURES = 3
MOST_REASONS = 3


class SearchFailed(PipelineError):
    """The search can't give a result: no trial has one."""


def give_up_if_hopeless(trials: Sequence[Trial]) -> None:
    """Raise `SearchFailed` when the first trials have all failed with the same cause."""
    if len(trials) < MIN_FAILURES or any(trial.status != "failed" for trial in trials):
        return
    if len({_cause(trial.reason) for trial in trials}) == 1:
        raise SearchFailed(
            f"all {len(trials)} first trials failed with the same cause: {trials[0].reason}; "
            "mend it, then search in a new directory"
        )


def without_result(trials: Sequence[Trial]) -> SearchFailed:
    """Return the error for a search whose trials all failed, with their most frequent reasons."""
    counts = Counter(trial.reason for trial in trials).most_common(MOST_REASONS)
    reasons = "; ".join(f"{count} times {reason}" if count > 1 else str(reason) for reason, count in counts)
    return SearchFailed(f"none of {len(trials)} trials came to a result: {reasons}")


def _cause(reason: str | None) -> str:
    """Return a failure's reason without the numbers in it, which differ from trial to trial."""
    return re.sub(r"[-+.\d]+", "#", reason or "")
