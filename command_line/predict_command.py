"""`predict`: a model is asked about many inputs, and the answers become a table."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from command_line.paths import PATH, check_writable_folder
from components.core import keras_settings


def commands() -> list[click.Command]:
    """Return the command of this file."""

    @click.command("predict")
    @click.option("--run", type=PATH, metavar="FOLDER", help="A finished run, whose model is asked.")
    @click.option("--registry", metavar="FOLDER|ADDRESS", default="", help="A registry of models.")
    @click.option("--version", type=int, help="Its version; without one, that in service.")
    @click.option("--data-source", required=True, help="The inputs: all that `prepare` reads; labels are not needed.")
    @click.option("--output", type=PATH, required=True, help="The table, .parquet or .csv.")
    @click.option("--all-probabilities", is_flag=True, help="A column for each class, too.")
    @click.option("--resize", is_flag=True, help="Scale images of another size than the model takes.")
    def predict_command(
        run: Path | None,
        registry: str,
        version: int | None,
        data_source: str,
        output: Path,
        all_probabilities: bool,
        resize: bool,
    ) -> None:
        """Write a table of predictions; begun again after a kill, it goes on."""
        keras_settings.refuse_unusable()
        from components.inference import servable
        from components.predict import predicting, table

        table.check_output(output)
        check_writable_folder("output", output.parent)
        model = servable.chosen(run, registry, version)
        with _progress() as progress:
            done = predicting.predict(model, data_source, output, all_probabilities, resize, progress)
        kept = f", {done.n_rows - done.n_new:,} of them from before" if done.n_new < done.n_rows else ""
        click.echo(f"wrote {output}: {done.n_rows:,} rows by version {model.version}{kept}")

    return [predict_command]


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Yield what hears of the rows, and shows them where there is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: None
        return
    with Progress(console=console) as bar:
        task = bar.add_task("rows", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
