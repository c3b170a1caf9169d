"""How a worker machine reaches the search: the scheduler's address, and the one certificate that both sides show."""

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Security

VARIABLE = "SEARCH_CONNECTION"
"""The environment variable in which a worker machine gets it."""


@dataclass(frozen=True)
class Connection:
    """What a worker machine is given.

    Attributes:
        address: of the scheduler, `tls://HOST:PORT`.
        certificate: made for this search alone, and trusted as the only authority; PEM.
        key: its private key; PEM. Who holds it may run code on every machine of the search.
        slots: trainings at once; 0: as many as the machine's GPUs, processors and memory allow.
    """

    address: str
    certificate: str
    key: str
    slots: int = 0

    @property
    def security(self) -> "Security":
        """What Dask's worker takes it as: mutual TLS, and nothing without."""
        from distributed import Security

        return Security(
            require_encryption=True,
            tls_ca_file=self.certificate,
            tls_worker_cert=self.certificate,
            tls_worker_key=self.key,
        )

    def as_text(self) -> str:
        return json.dumps(asdict(self))


def take() -> Connection:
    """Return the connection that this process was given, and take it out of what its children see.

    Raises:
        KeyError: it was given none.
    """
    return Connection(**json.loads(os.environ.pop(VARIABLE)))
