"""What goes wrong with a cluster."""

from components.core.errors import PipelineError


class ClusterError(PipelineError):
    """The cluster can't be reached, refuses, or reports a failure.

    Attributes:
        status: the HTTP status of a refusal, or None.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class PassingFailure(Exception):
    """A failure that may be over soon."""


class Unreachable(PassingFailure):
    """Nothing listens there: soon over for a server that has answered before, final for one that never has."""
