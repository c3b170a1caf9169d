"""Addresses of data: `s3://`, `gs://` and `https://`, whose query may grant access and is not shown."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, urlsplit, urlunsplit

from components.core.errors import InvalidInput
from components.core.parameters import shown_source
from components.sources.places import Place


@dataclass(frozen=True)
class Address:
    """An address, taken apart.

    Attributes:
        text: as it was given.
        parts: `urllib`'s parts for `https://`; bucket and key otherwise, whatever characters the key has.
    """

    text: str
    parts: SplitResult

    @property
    def scheme(self) -> str:
        return self.parts.scheme

    @property
    def path(self) -> str:
        return self.parts.path

    @property
    def is_npz(self) -> bool:
        return self.path.lower().endswith(".npz")

    @property
    def name(self) -> str:
        """The last part of the path, or the host or bucket where there is none."""
        return PurePosixPath(self.path).name or self.parts.netloc

    @property
    def parent(self) -> "Address":
        parts = self.parts._replace(path=str(PurePosixPath(self.path).parent))
        return Address(urlunsplit(parts), parts)

    @property
    def object_name(self) -> str:
        """Bucket and key, as fsspec's object stores take them."""
        return f"{self.parts.netloc}{self.path}".rstrip("/")

    @property
    def place(self) -> Place:
        """The address as the origin of what lies there."""
        return Place(Path(), self.shown)

    @property
    def folder_place(self) -> Place:
        """The same of the folder that holds the data: this one, or that of an archive."""
        return self.parent.place if self.is_npz else self.place

    @property
    def shown(self) -> str:
        """The address without its query, for messages."""
        return urlunsplit(self.parts._replace(query="")).rstrip("/")

    def below(self, name: str) -> str:
        """Return the address of a file below this one, whose query, if it has one, stays at the end."""
        return urlunsplit(self.parts._replace(path=f"{self.path.rstrip('/')}/{name}"))


def parse(data_source: str) -> Address:
    """Return a data source that is an address, taken apart.

    Raises:
        InvalidInput: it is not well-formed, or holds credentials.
    """
    scheme, _, rest = data_source.partition("://")
    if scheme != "https":
        bucket, _, key = rest.partition("/")
        address = Address(data_source, SplitResult(scheme, bucket, f"/{key}" if key else "", "", ""))
        if "@" in bucket:
            raise _holds_credentials()
        if not bucket or ":" in bucket:
            raise InvalidInput(f"data_source must be a well-formed {scheme}://bucket/path, got {data_source!r}")
        return address
    try:
        parts = urlsplit(data_source)
        usable = bool(parts.hostname) and parts.port != 0 and not parts.fragment
    except ValueError:
        usable = False
    if not usable:
        raise InvalidInput(f"data_source must be a well-formed https:// prefix, got {shown_source(data_source)!r}")
    if parts.username is not None:
        raise _holds_credentials()
    return Address(data_source, parts)


def _holds_credentials() -> InvalidInput:
    rule = "data_source must hold no user name or password"
    return InvalidInput(f"{rule}; credentials come from the environment or the machine's identity")
