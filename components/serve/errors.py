"""What a client is told when it can't be answered."""

from kserve import errors


class Refused(errors.InvalidInput):
    """A request that can't be understood: status 400, or INVALID_ARGUMENT over gRPC."""


class Overloaded(errors.ServerNotReady):
    """A request beyond what is held: status 503, or UNAVAILABLE over gRPC."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = self.error_msg = reason  # KServe reads the one over gRPC and the other over HTTP
