"""Where data lies on this machine, and what the user calls that place."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from components.core.errors import InvalidInput


@dataclass(frozen=True)
class Place:
    """A file or folder.

    Attributes:
        path: where it is to be read.
        origin: what the user calls it, a path or an address, for messages.
    """

    path: Path
    origin: str

    def __truediv__(self, name: str) -> "Place":
        return Place(self.path / name, f"{self.origin.rstrip('/')}/{name}")

    @property
    def parent(self) -> "Place":
        is_address = "://" in self.origin  # whose two slashes a path would not keep
        above = self.origin.rpartition("/")[0] if is_address else str(PurePosixPath(self.origin).parent)
        return Place(self.path.parent, above)

    @property
    def shown(self) -> str:
        """The origin as it may stand in a line."""
        return self.origin if self.origin.isprintable() else repr(self.origin)

    def refused(self, problem: str) -> InvalidInput:
        """Return the error that says what is wrong here."""
        return InvalidInput(f"data_source: {self.shown} {problem}")

    def check_file(self) -> None:
        """Refuse what is no file: a folder, a device or a pipe must not be opened, which could block for ever.

        Raises:
            InvalidInput: it is none, or can't be looked at.
        """
        try:
            is_file = self.path.is_file()
        except OSError as error:
            raise self.refused(f"can't be read: {error.strerror or error}") from error
        if not is_file:
            raise self.refused("must be a file, and is none")
