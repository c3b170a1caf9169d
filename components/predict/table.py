"""A table of predictions, as Parquet or CSV by its suffix: grown in parts that outlive a kill, then put together."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.core import files
from components.core.errors import InvalidInput

SUFFIXES = (".parquet", ".csv")
STATE = "state.json"


def check_output(path: Path) -> None:
    """Refuse a path whose suffix says no format.

    Raises:
        InvalidInput: it has another one.
    """
    if path.suffix not in SUFFIXES or path.is_dir():
        raise InvalidInput(f"output must be a file that ends in {' or '.join(SUFFIXES)}, got {str(path)!r}")


class Parts:
    """The parts of a table that is not finished, in a folder beside it.

    Attributes:
        n_rows: how many rows they hold so far.
    """

    def __init__(self, output: Path, meant: Mapping[str, Any]) -> None:
        """Go on with what an earlier process has left, or begin.

        Args:
            output: the table's file.
            meant: what decides its content; JSON-like.

        Raises:
            InvalidInput: what is there is of another table.
        """
        self._output, self._folder = output, output.with_name(f".{output.name}.parts")
        state = self._folder / STATE
        if state.exists():
            had = json.loads(state.read_bytes())
            different = [name for name in meant if had.get(name) != meant[name]]
            if different:
                name = different[0]
                raise InvalidInput(
                    f"output must be another file, or {self._folder} be removed: it holds the beginning of a table "
                    f"whose {name} is {had.get(name)!r}, got {meant[name]!r}"
                )
        else:
            files.remove(self._folder)
            files.write_json(dict(meant), state)
        self.n_rows = sum(pq.read_metadata(path).num_rows for path in self._paths())

    def append(self, columns: Mapping[str, Any]) -> None:
        """Write rows, by column, which are there from now on."""
        table = pa.table(dict(columns))
        with files.replacing(self._folder / f"{self.n_rows:012d}.parquet") as partial:
            pq.write_table(table, partial)
        self.n_rows += table.num_rows

    def finish(self) -> None:
        """Put the parts together into the table, in one step, and remove them."""
        with files.replacing(self._output) as partial:
            if self._output.suffix == ".csv":
                self._write_csv(partial)
            else:
                self._write_parquet(partial)
        files.remove(self._folder)

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.parquet"))

    def _tables(self) -> Iterator[Any]:
        return (pq.read_table(path) for path in self._paths())

    def _write_parquet(self, path: Path) -> None:
        with pq.ParquetWriter(path, pq.read_schema(self._paths()[0])) as writer:
            for table in self._tables():
                writer.write_table(table)

    def _write_csv(self, path: Path) -> None:
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            for index, table in enumerate(self._tables()):
                if not index:
                    writer.writerow(table.column_names)
                writer.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))
