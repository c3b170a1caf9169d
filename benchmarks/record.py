"""Trains many configurations of a search space and keeps what each gave after every epoch, to judge searches by.

python -m benchmarks.record {fashion-mnist,convnet} OUTPUT.npz [--processes 2]

Takes an hour or two, and can be killed: what is recorded stays in OUTPUT.jsonl, and the next start goes on from there.
"""

import argparse
import contextlib
import gc
import json
import math
import os
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import qmc

from benchmarks.table import N_END
from benchmarks.workload import data_source
from components.core.data import Labelled, TrainingData
from components.core.experiment import Experiment
from components.core.space import Space, space_for
from components.tune.unit_cube import UnitCube

SEQUENCE_SEED = 13
SPLIT_SEED = 13
REPEAT_SEEDS = (1, 2)

Key = tuple[int, int]
Recorded = dict[Key, dict[str, Any]]


@dataclass(frozen=True)
class Recording:
    """What a table is made of.

    Attributes:
        experiment: returns the `Experiment`, imported where it is needed: a process that forks runs no TensorFlow.
        prepare: from the raw images to those that are trained on.
        n_train: training images, of each class as many.
        n_validation: the same.
        n_configurations: how many are trained with seed 0.
        n_epochs: epochs of each training, and of its schedule.
        n_repeated: how many configurations are trained with `REPEAT_SEEDS` too: the first ones, which tell the noise,
            and afterwards those that ended best, whose truth a search must not be told by the training that it sees.
    """

    experiment: Callable[[], Experiment]
    prepare: Callable[[np.ndarray], np.ndarray]
    n_train: int
    n_validation: int
    n_configurations: int
    n_epochs: int
    n_repeated: tuple[int, int]


def _default_experiment() -> Experiment:
    from components.experiment import EXPERIMENT

    return EXPERIMENT


def _convnet_experiment() -> Experiment:
    from benchmarks.convnet import EXPERIMENT

    return EXPERIMENT


def _halved(images: np.ndarray) -> np.ndarray:
    from benchmarks.convnet import halved

    return halved(images)


RECORDINGS = {
    "fashion-mnist": Recording(_default_experiment, lambda images: images, 5_000, 5_000, 300, 30, (13, 40)),
    "convnet": Recording(_convnet_experiment, _halved, 2_500, 2_500, 160, 24, (12, 30)),
}


def main() -> None:
    arguments = _arguments()
    recording = RECORDINGS[arguments.name]
    _import_tensorflow()
    experiment = recording.experiment()
    data = load(recording)
    space = space_for(experiment, data.info)
    configurations = spread(space, recording.n_configurations)
    scratch = arguments.output.with_suffix(".jsonl")

    def train_one(number: int, seed: int) -> None:
        result = train(experiment, configurations[number], data, recording.n_epochs, seed)
        _append(scratch, {"configuration": number, "seed": seed, **result})

    for planned in (first_trainings, repeats_of_the_best):
        wanted, recorded = planned(recording, _recorded(scratch)), _recorded(scratch)
        _train_all([each for each in wanted if each not in recorded], arguments.processes, train_one)
        n_left_out = len(set(wanted) - _recorded(scratch).keys())
        if n_left_out:
            raise SystemExit(f"{n_left_out} trainings ended badly; start again to try them once more")
    pack(arguments.name, space, configurations, scratch, arguments.output)


def first_trainings(recording: Recording, recorded: Recorded) -> list[Key]:
    """Return the trainings that a table begins with, each the number of a configuration and a seed."""
    n_first, _ = recording.n_repeated
    seeds = [(0, *REPEAT_SEEDS) if number < n_first else (0,) for number in range(recording.n_configurations)]
    return [(number, seed) for number, of_number in enumerate(seeds) for seed in of_number]


def repeats_of_the_best(recording: Recording, recorded: Recorded) -> list[Key]:
    """Return the trainings with other seeds of the configurations that ended best with seed 0."""
    sign = 1 if recording.experiment().objective.direction == "max" else -1
    whole = [
        number for number, seed in recorded if seed == 0 and len(recorded[number, 0]["curve"]) == recording.n_epochs
    ]
    whole.sort(key=lambda number: -sign * sum(recorded[number, 0]["curve"][-N_END:]))
    return [(number, seed) for number in whole[: recording.n_repeated[1]] for seed in REPEAT_SEEDS]


def spread(space: Space, n_configurations: int) -> list[dict[str, Any]]:
    """Return configurations that fill a space evenly, as flat values: the default, then a scrambled Sobol sequence.

    Any first few of them are spread evenly as well, which a choice of every eighth, say, would not be.
    """
    cube = UnitCube(space)
    n_points = 2 ** math.ceil(math.log2(2 * n_configurations))  # half of them as a reserve for those that coincide
    points = qmc.Sobol(cube.n_dimensions, rng=SEQUENCE_SEED).random(n_points)
    decoded = (cube.decode(point) for point in [cube.default(), *points])
    distinct = {json.dumps(values, sort_keys=True): values for values in decoded}
    return list(distinct.values())[:n_configurations]


def load(recording: Recording) -> TrainingData:
    """Return a recording's data, all of it from the training images, drawn class by class with a fixed seed."""
    from components.sources import dataset

    raw = dataset.load(data_source(), seed=0)
    inputs, labels = recording.prepare(raw.train.inputs), raw.train.labels
    random, n_classes = np.random.default_rng(SPLIT_SEED), raw.info.n_classes
    order = [random.permutation(np.flatnonzero(labels == label)) for label in range(n_classes)]
    n_train, n_both = (n // n_classes for n in (recording.n_train, recording.n_train + recording.n_validation))
    parts = [np.concatenate([each[first:last] for each in order]) for first, last in ((0, n_train), (n_train, n_both))]
    train, validation = (Labelled(inputs[part], labels[part]) for part in parts)
    info = replace(raw.info, input_shape=inputs.shape[1:], input_dtype=str(inputs.dtype))
    return TrainingData(train, validation, info, "")


def train(
    experiment: Experiment, values: dict[str, Any], data: TrainingData, n_epochs: int, seed: int
) -> dict[str, Any]:
    """Return what one training gave, JSON-like.

    Returns:
        `curve`, the objective after each epoch, cut short where a training diverges; `last_weights`, the accuracy of
        the last step's weights in place of the averaged ones; processor seconds of an epoch (the median) and of
        building and compiling.
    """
    from components.training.loop import make_trainer, new_network
    from components.training.state import Course

    start = time.process_time()
    model, hyperparameters = new_network(experiment, values, data, seed)
    trainer = make_trainer(experiment, model, hyperparameters, data, Course(n_epochs, seed))
    times = [time.process_time()]
    curve: list[float] = []
    for epoch in range(1, n_epochs + 1):
        loss, _ = trainer.train_epoch(epoch)
        *_, objective = trainer.validate()
        times.append(time.process_time())
        if not (math.isfinite(loss) and math.isfinite(objective)):
            break
        curve.append(objective)
    raw = trainer.logits(data.validation.inputs)
    return {
        "curve": curve,
        "last_weights": experiment.objective.compute(data.validation.labels, raw),
        "epoch_seconds": float(np.median(np.diff(times))),
        "compile_seconds": times[0] - start,
    }


def pack(name: str, space: Space, configurations: Sequence[dict[str, Any]], scratch: Path, output: Path) -> None:
    """Write a table from the lines of its scratch file, in the order of configuration and seed."""
    recording, lines = RECORDINGS[name], _recorded(scratch)
    ordered = [lines[key] for key in sorted(lines)]
    curves = np.full((len(ordered), recording.n_epochs), np.nan, np.float32)
    for row, line in zip(curves, ordered, strict=True):
        row[: len(line["curve"])] = line["curve"]
    about = {
        "name": name,
        "data_source": data_source(),
        "n_train": recording.n_train,
        "n_validation": recording.n_validation,
        "direction": recording.experiment().objective.direction,
        "space": space.as_list(),
        "configurations": list(configurations),
    }
    columns: dict[str, Any] = {
        key: np.array([line[key] for line in ordered], np.float32)
        for key in ("last_weights", "epoch_seconds", "compile_seconds")
    }
    columns["configuration"] = np.array([line["configuration"] for line in ordered], np.int16)
    columns["seed"] = np.array([line["seed"] for line in ordered], np.int8)
    np.savez_compressed(output, about=np.array(json.dumps(about)), curves=curves, **columns)


def _train_all(missing: Sequence[Key], n_processes: int, task: Callable[[int, int], None]) -> None:
    """Run a task for each training in a forked child of its own: what XLA leaves in memory goes with it."""
    running = 0
    start = time.perf_counter()
    for done, (number, seed) in enumerate(missing):
        if running == n_processes:
            os.wait()
            running -= 1
            print(f"{done} of {len(missing)}, {time.perf_counter() - start:.0f} s", flush=True)
        if os.fork() == 0:
            _run_and_exit(task, number, seed)
        running += 1
    for _ in range(running):
        os.wait()


def _run_and_exit(task: Callable[[int, int], None], number: int, seed: int) -> None:
    try:
        task(number, seed)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _append(path: Path, line: dict[str, Any]) -> None:
    """Append a line by one write, so that those of several processes do not mix."""
    with path.open("ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")


def _recorded(path: Path) -> Recorded:
    """Return a scratch file's lines by configuration and seed, without one that was cut short."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        with contextlib.suppress(json.JSONDecodeError):
            record = json.loads(line)
            found[record["configuration"], record["seed"]] = record
    return found


def _import_tensorflow() -> None:
    """Import TensorFlow for one processor, and have children that are forked hold on to nothing else."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    gc.collect()
    gc.freeze()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=RECORDINGS)
    parser.add_argument("output", type=Path, metavar="OUTPUT.npz")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
