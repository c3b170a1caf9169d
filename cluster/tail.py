"""What the steps of a run write while it goes on: how a search and a training stand, from their pods' logs."""

import re
import time
from typing import Any

from cluster import logs
from cluster.connection import Cluster
from cluster.errors import ClusterError

TELLING = re.compile(r"trial \d|round \d|final:|finals |refit epoch|machine |worker pods|version |recorded |warning: ")
"""How the lines begin that say how a step stands; what libraries write between them is left out."""


class Tail:
    """Prints lines as they come, each once.

    Attributes:
        pause_s: how long the logs are left alone after they were read.
    """

    def __init__(self, cluster: Cluster, pause_s: float = 10) -> None:
        self.pause_s = pause_s
        self._cluster = cluster
        self._n_seen: dict[str, int] = {}
        self._read_at = float("-inf")

    def __call__(self, run: Any) -> None:
        """Print what the steps of a run have written since the last call."""
        now = time.monotonic()
        is_over = run.state not in (None, "PENDING", "RUNNING")
        if now - self._read_at < self.pause_s and not is_over:
            return
        self._read_at = now
        for step in logs.tasks_of(run):
            if logs.is_step(step) and (step.state == "RUNNING" or step.display_name in self._n_seen):
                self._print_new(run, step)

    def _print_new(self, run: Any, step: Any) -> None:
        try:
            lines = [line for line in logs.lines_of(self._cluster, run, step) if TELLING.match(line)]
        except ClusterError:
            return  # a log that is not there yet, or any more, ends no watching
        n_seen = self._n_seen.get(step.display_name, 0)
        for line in lines[n_seen:]:
            print(f"  {line}", flush=True)
        self._n_seen[step.display_name] = max(n_seen, len(lines))
