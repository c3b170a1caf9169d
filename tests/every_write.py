"""A run, and what becomes of it when it ends before any of its file operations: `python -m tests.every_write FOLDER`.

A process that is killed leaves its folder as it stands at that moment. So the folder is copied before each operation
that finds it changed, in one run, rather than run again up to each; then each copy is continued, until the step that
was interrupted has finished. Every run is a fork, made before TensorFlow's first operation, that imports nothing anew.
Prints a JSON object: for each copy the step it was made in, and what is wrong with it, before and after continuing.
"""

import json
import os
import shutil
import sys
import traceback
import zipfile
from dataclasses import asdict
from pathlib import Path

import components.evaluate.report
import components.promote.page
import components.sources.dataset
import components.train.finals
import components.train.fitting
import components.tune.search
import components.tune.tuner  # noqa: F401 - what the steps import is imported once
import pipeline
from command_line.pipeline_parameters import PipelineParameters
from components.core import artifacts, events, files, finalists, journal
from components.core.errors import InvalidInput
from components.registry import champion
from components.registry.store import open_store
from local import run as local_run
from local import walker
from tests.runs import STEPS_OF_A_RUN

SMALL = {"max_trials": 2, "trial_epochs": 1, "training_epochs": 1, "seed": 7, "workers": 1}


class Snapshots:
    """Copies a folder before each file operation in it, whenever it has changed since the last copy."""

    def __init__(self, folder, copies):
        self._folder, self._copies = folder, copies
        self._seen = self._is_busy = None
        sys.addaudithook(self._hear)

    def _hear(self, event, arguments):
        inside = any(str(argument).startswith(str(self._folder)) for argument in arguments if _is_path(argument))
        if inside and not self._is_busy and self._folder.exists():
            self._is_busy = True
            self._copy_if_changed()
            self._is_busy = False

    def _copy_if_changed(self):
        state = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in self._folder.rglob("*")]
        if sorted(state) != self._seen:
            self._seen = sorted(state)
            shutil.copytree(self._folder, self._copies / f"{len(list(self._copies.iterdir())):04}")


def _is_path(value):
    return isinstance(value, (str, os.PathLike))


class UntilTheNextStep(events.Forwarding):
    """Ends the process, content, when a second step starts."""

    def __init__(self):
        super().__init__(lambda text: None)
        self._n_steps = 0

    def step_started(self, name):
        self._n_steps += 1
        if self._n_steps == 2:
            os._exit(0)


def run(data, out):
    defaults = PipelineParameters(pipeline.build).defaults
    given = {"data_source": str(data), "registry": str(out.parent / "registry")}
    local_run.run(pipeline.build, {**defaults, **SMALL, **given}, out, "")


def run_with_copies(data, out, copies):
    Snapshots(out, copies)
    run(data, out)


def go_on(data, out):
    events.listener = UntilTheNextStep()
    run(data, out)


def in_child(work, *arguments):
    """Run `work` in a fork and return its error, or None."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work(*arguments)
        except BaseException:
            os.write(writing, traceback.format_exc().encode()[-4000:])
        os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        error = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return error or (f"ended with {status}" if status else None)


def finished(out):
    """Return the steps that a run has finished, in order."""
    return [step for step in STEPS_OF_A_RUN if (out / step / walker.STEP_FILE).exists()]


def half_written(out):
    """Return what is wrong with the artifacts that stand in their places: they must all be whole."""
    places = [path for step in STEPS_OF_A_RUN for path in (out / step).glob("[!.]*") if path.is_dir()]
    problems = []
    for path in places:
        try:
            artifacts.verify(path, path.name)
        except InvalidInput as error:
            problems.append(str(error))
    return problems


def results(out):
    """Return what the finished steps have left, by step, but for dates and seconds."""
    makers = {"prepare": prepared, "tune": tuned, "train": trained, "evaluate": evaluated, "promote": promoted}
    return {step: makers[step](out / step) for step in finished(out) if step in makers}


def prepared(folder):
    return [artifacts.verify(folder / name, name) for name in ("training_data", "test_data")]


def tuned(folder):
    trials = journal.in_order(journal.read(folder / "trials" / journal.FILE_NAME).trials)
    return [
        artifacts.verify(folder / "trials", "trials") and [{**trial.as_dict(), "seconds": 0} for trial in trials],
        artifacts.read_best_hyperparameters(folder / "best_hyperparameters"),
        asdict(finalists.read(folder / "finalists")),
    ]


def trained(folder):
    artifacts.verify(folder / "model", "model")
    weights = zipfile.ZipFile(folder / "model" / "model.keras").read("model.weights.h5")
    return [files.digest(weights.hex()), {**artifacts.read_history(folder / "history"), "seconds": 0}]


def evaluated(folder):
    return local_metrics(folder / walker.EXECUTOR_OUTPUT)["test_accuracy"]


def promoted(folder):
    """Return what was decided; a version that was not completed before has taken a number."""
    metrics = local_metrics(folder / walker.EXECUTOR_OUTPUT)
    in_service = champion.read(open_store(str(folder.parents[1] / "registry"))).version
    return [metrics["promoted"], metrics["candidate_accuracy"], in_service == metrics["version"]]


def local_metrics(path):
    found = json.loads(path.read_bytes())["artifacts"].values()
    return {name: value for listed in found for name, value in listed["artifacts"][0]["metadata"].items()}


def main(folder):
    folder = Path(folder)
    data, out, copies = folder / "data", folder / "out", folder / "copies"
    copies.mkdir()
    error = in_child(run_with_copies, data, out, copies)
    if error:
        raise RuntimeError(error)
    expected, found = results(out), []
    for copy in sorted(copies.iterdir()):
        shutil.rmtree(out)
        shutil.copytree(copy, out)
        before, done = half_written(out), finished(out)
        step = next((step for step in STEPS_OF_A_RUN if step not in done), "summary")
        error = in_child(go_on, data, out)
        after = {name: value for name, value in results(out).items() if value != expected[name]}
        is_done = step in finished(out) if step in STEPS_OF_A_RUN else (out / "summary.json").exists()
        found.append({"step": step, "half": before, "error": error, "done": is_done, "differs": sorted(after)})
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
