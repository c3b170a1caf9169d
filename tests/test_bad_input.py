"""What can't be used is refused: exit status 2, one line that names the culprit, and no file made or changed."""

import json
import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import pipeline
from command_line.main import main
from command_line.pipeline_parameters import PipelineParameters
from components.core import artifacts, files, finalists, journal, models
from components.core.data import DatasetInfo, Labelled, TestData, TrainingData
from components.core.errors import InvalidInput
from components.sources import dataset
from local import run as local_run
from local import walker
from tests import idx, runs

HUGE = "9" * 400


def tree(folder):
    """Return everything below a folder: a file's digest, a link's target or None by path."""

    def content(path):
        if path.is_symlink():
            return path.readlink()
        return files.sha256(path) if path.is_file() else None

    return {str(path.relative_to(folder)): content(path) for path in sorted(folder.rglob("*"))}


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Return a function that runs a command line in an otherwise empty folder, and returns its one line of error.

    It holds that the exit status is 2 and that the folder is as it was.
    """
    monkeypatch.chdir(tmp_path)

    def run(*words):
        before = tree(tmp_path)
        monkeypatch.setattr(sys, "argv", ["pipeline.py", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main(pipeline.build)
        error = capsys.readouterr().err
        assert ended.value.code == 2, error
        assert error.startswith("error: ") and error.count("\n") == 1, error
        assert tree(tmp_path) == before
        return error

    return run


NUMBERS = [
    ("validation-fraction", "0.009"),
    ("validation-fraction", "0.51"),
    ("validation-fraction", "-0.1"),
    ("validation-fraction", "nan"),
    ("validation-fraction", "inf"),
    ("validation-fraction", "a tenth"),
    ("validation-fraction", ""),
    ("max-trials", "0"),
    ("max-trials", "-1"),
    ("max-trials", "100001"),
    ("max-trials", "2.5"),
    ("max-trials", "1e2"),
    ("max-trials", "four"),
    ("max-trials", HUGE),
    ("trial-epochs", "0"),
    ("trial-epochs", "10001"),
    ("trial-epochs", "1.5"),
    ("trial-epochs", "nan"),
    ("trial-time-limit-s", "-1"),
    ("trial-time-limit-s", "604801"),
    ("trial-time-limit-s", "1h"),
    ("trial-time-limit-s", "inf"),
    ("workers", "-1"),
    ("workers", "1025"),
    ("workers", "all"),
    ("workers", "0x2"),
    ("training-epochs", "0"),
    ("training-epochs", "10001"),
    ("training-epochs", ""),
    ("early-stopping-patience", "-1"),
    ("early-stopping-patience", "10001"),
    ("early-stopping-patience", "0.5"),
    ("seed", "-1"),
    ("seed", "4294967296"),
    ("seed", "1.0"),
    ("seed", "None"),
    ("seed", HUGE),
]


@pytest.mark.parametrize(("name", "value"), NUMBERS, ids=lambda text: text[:24])
def test_a_number_that_can_not_be_used(refused, name, value):
    line = refused("local-run", "--output-dir", "out", f"--{name}={value}")

    parameter = name.replace("-", "_")
    rule = "an integer from" if parameter != "validation_fraction" else "a number from"
    assert f"{parameter} must be {rule}" in line and value in line


WORDS = [
    ("stop-trials-early", "maybe", "stop_trials_early must be true or false, got 'maybe'"),
    ("stop-trials-early", "2", "stop_trials_early must be true or false, got '2'"),
    ("stop-trials-early", "", "stop_trials_early must be true or false, got ''"),
    ("refit", "perhaps", "refit must be true or false, got 'perhaps'"),
    ("data-source", "", "data_source must be"),
    ("data-source", "  ", "data_source must be"),
    ("data-source", "http://example.org/data", "data_source must be"),
    ("data-source", "ftp://example.org/data", "data_source must be"),
    ("data-source", "https://", "data_source must be"),
    ("data-source", " https://example.org/data", "data_source must have no space around it, got ' https"),
    ("data-source", "s3 ://bucket/data", "data_source must be"),
    ("data-source", " s3://bucket/data", "data_source must have no space around it, got ' s3"),
    ("data-source", "synthetic ", "data_source must have no space around it, got 'synthetic '"),
    ("data-source", "caf\udce9", r"data_source must be text in UTF-8, got 'caf\udce9'"),
    ("warm-start", "caf\udce9", r"warm_start must be text in UTF-8, got 'caf\udce9'"),
    ("output-dir", "caf\udce9", r"output_dir must be text in UTF-8, got 'caf\udce9'"),
    ("output-dir", "x" * 300, "File name too long"),
    ("output-dir", "~nobody-of-this-name/a", "output_dir must begin with the home of a user that there is"),
    ("data-source", "~nobody-of-this-name/a", "data_source must begin with the home of a user that there is"),
    ("data-source", "no/such/folder", "no/such/folder"),
    ("warm-start", "no/such/journal", "warm_start must be the journal"),
    ("warm-start", ".", "warm_start must be the journal"),
    ("no-such-option", "1", "no-such-option"),
    ("output-dir", "", "output_dir must be a folder"),
]


@pytest.mark.parametrize(("name", "value", "message"), WORDS)
def test_a_word_that_can_not_be_used(refused, name, value, message):
    assert message in refused("local-run", "--output-dir=out", f"--{name}={value}")


@pytest.mark.parametrize("command", ["report", "compare"])
def test_another_command_s_path_that_is_not_utf8(refused, command):
    words = ("report", "--output-dir=caf\udce9") if command == "report" else ("compare", "caf\udce9")

    assert r"must be text in UTF-8, got 'caf\udce9'" in refused(*words)


def test_a_working_folder_that_is_not_utf8(refused, tmp_path, monkeypatch):
    (tmp_path / "caf\udce9").mkdir()
    monkeypatch.chdir(tmp_path / "caf\udce9")

    assert "output_dir must be text in UTF-8" in refused("local-run", "--data-source=synthetic")


@pytest.mark.parametrize("option", ["data-source", "warm-start"])
def test_a_tilde_is_the_user_s_home(refused, tmp_path, monkeypatch, option):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    assert f"{tmp_path}/home/nowhere" in refused("local-run", f"--{option}=~/nowhere")


def test_a_tilde_of_an_output_folder_is_the_user_s_home(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "notes.txt").write_text("mine")

    assert f"{tmp_path}/notes.txt is a file" in refused("local-run", "--output-dir=~/notes.txt")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no folder in which nobody can make one")
def test_a_folder_in_which_no_run_can_begin_is_refused_with_the_option_that_names_another(refused, monkeypatch):
    monkeypatch.chdir("/proc/self")

    line = refused("local-run", "--data-source=synthetic")
    assert "output_dir must be" in line and "name another with --output-dir" in line


def test_an_output_folder_that_is_a_file(refused, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")

    assert "output_dir must be a folder" in refused("local-run", "--output-dir=notes.txt")


def test_an_output_folder_below_a_file(refused, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")

    assert "notes.txt" in refused("local-run", "--output-dir=notes.txt/out")


def test_an_output_folder_with_something_else_in_it(refused, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")

    assert "thesis.tex" in refused("local-run", "--output-dir=out")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null", '{"parameters": 3, "data": "", "note": ""}'])
def test_an_output_folder_whose_record_is_damaged(refused, tmp_path, content):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / local_run.RUN_FILE).write_text(content)

    assert "run.json is damaged" in refused("local-run", "--output-dir=out", "--data-source=synthetic")


def test_a_warm_start_from_something_else_than_a_journal(refused, tmp_path):
    (tmp_path / "notes.txt").write_text("mine\n")

    assert "notes.txt line 1 is no journal header" in refused("local-run", "--warm-start=notes.txt")


HEADER = {"workers": 1, "seed": 7}


def trial(number):
    return journal.Trial(number, "completed", {"units": 8}, 0.5, (0.5,), 1, 1.0, None)


def write_journal(folder, n_trials=2):
    with journal.Journal.open(folder, HEADER) as earlier:
        for number in range(n_trials):
            earlier.append(trial(number))
    return folder / journal.FILE_NAME


@pytest.mark.parametrize("line", [1, 2, 3])
def test_a_warm_start_from_a_damaged_journal(refused, tmp_path, line):
    path = write_journal(tmp_path / "earlier")
    lines = path.read_text().splitlines()
    lines[line - 1] = lines[line - 1][:-1]
    path.write_text("\n".join(lines) + "\n")

    assert f"line {line} " in refused("local-run", f"--warm-start={path}")


@pytest.fixture
def begun(tmp_path):
    """Return the options of a run that was begun in the folder `out` and has two finished trials."""
    data = idx.write_archives(tmp_path / "data")
    options = {"seed": 7, "max_trials": 4, "workers": 1, "data_source": "data", "trial_epochs": 2}
    defaults = PipelineParameters(pipeline.build).defaults
    begun = {"parameters": {**defaults, **options}, "data": walker.content_digest(str(data)), "note": ""}
    files.write_json(begun, tmp_path / "out" / local_run.RUN_FILE)
    write_journal(tmp_path / "out" / "state")
    raw = dataset.load(str(data), seed=7)
    splits = dataset.split(raw.train, 0.1, seed=7)
    artifacts.write_training_data(TrainingData(*splits, raw.info, ""), tmp_path / "out" / "prepare" / "training_data")
    return options


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 8),
        ("trial_epochs", 3),
        ("stop_trials_early", "false"),
        ("validation_fraction", 0.2),
        ("training_epochs", 4),
        ("round_size", 3),
        ("time_budget_s", 60),
        ("max_trials", 1),
        ("data_source", "synthetic"),
    ],
)
def test_a_continuation_with_another_value(refused, begun, name, value):
    line = refused(*runs.command("local-run", output_dir="out", **{**begun, name: value})[2:])

    assert f"{name} must" in line and str(value).capitalize() in line.replace("'synthetic'", "Synthetic")


def test_a_continuation_with_changed_data(refused, begun, tmp_path):
    idx.write_archives(tmp_path / "data", seed=9)

    assert "data_source must give the training data that the run in out was begun with, got 'data'" in refused(
        *runs.command("local-run", output_dir="out", **begun)[2:]
    )


@pytest.mark.parametrize("line", [1, 2, 3])
def test_a_continuation_of_a_damaged_journal(refused, begun, tmp_path, line):
    path = tmp_path / "out" / "state" / journal.FILE_NAME
    lines = path.read_text().splitlines()
    lines[line - 1] = "{}"
    path.write_text("\n".join(lines) + "\n")

    assert f"line {line}" in refused(*runs.command("local-run", output_dir="out", **begun)[2:])


def test_a_second_run_in_one_folder_at_a_time(refused, begun, tmp_path):
    with walker.locked(tmp_path / "out"):
        line = refused(*runs.command("local-run", output_dir="out", **begun)[2:])

    assert "output_dir must be used by one run at a time" in line


def half(data):
    return data[: len(data) // 2]


def flipped(data):
    return data[:-6] + bytes([data[-6] ^ 1]) + data[-5:]  # in the checksum at an archive's end


ARCHIVES = {
    "missing": lambda folder: (folder / idx.TEST_LABELS).unlink(),
    "empty": lambda folder: (folder / idx.TRAIN_IMAGES).write_bytes(b""),
    "truncated": lambda folder: rewrite(folder / idx.TRAIN_IMAGES, half),
    "flipped": lambda folder: rewrite(folder / idx.TEST_IMAGES, flipped),
    "page": lambda folder: (folder / idx.TRAIN_LABELS).write_bytes(b"<!DOCTYPE html><title>Sign in</title>"),
    "swapped": lambda folder: shutil.copy(folder / idx.TRAIN_LABELS, folder / idx.TRAIN_IMAGES),
    "folder": lambda folder: ((folder / idx.TRAIN_LABELS).unlink(), (folder / idx.TRAIN_LABELS).mkdir()),
}
CULPRITS = {
    "missing": idx.TEST_LABELS,
    "flipped": idx.TEST_IMAGES,
    "page": idx.TRAIN_LABELS,
    "folder": idx.TRAIN_LABELS,
}


def rewrite(path, change):
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize("state", ["absent", "empty"])
@pytest.mark.parametrize("fault", ARCHIVES)
def test_a_bad_archive(refused, tmp_path, fault, state):
    folder = idx.write_archives(tmp_path / "data")
    ARCHIVES[fault](folder)
    if state == "empty":
        (tmp_path / "out").mkdir()

    assert CULPRITS.get(fault, idx.TRAIN_IMAGES) in refused("local-run", "--output-dir=out", "--data-source=data")


def small_data(n_images):
    return Labelled(*idx.draw(n_images))


INFO = DatasetInfo("drawn", ("a", "b", "c"), (6, 4))
READERS = {
    "training_data": artifacts.read_training_data,
    "test_data": artifacts.read_test_data,
    "best_hyperparameters": artifacts.read_best_hyperparameters,
    "finalists": finalists.read,
    "history": artifacts.read_history,
    "model": models.read_description,
}


@pytest.fixture
def folder(tmp_path):
    """Return a folder with one artifact of each kind, each in a folder of its name."""
    artifacts.write_training_data(TrainingData(small_data(9), small_data(6), INFO, ""), tmp_path / "training_data")
    artifacts.write_test_data(TestData(small_data(6), INFO, ""), tmp_path / "test_data")
    artifacts.write_best_hyperparameters({"units": 8}, tmp_path / "best_hyperparameters")
    finalists.write(finalists.Finalists(3, [finalists.Final(0, 7, {"units": 8})]), [""], tmp_path / "finalists")
    artifacts.write_history({"loss": [1.0], "chosen_epoch": 1}, tmp_path / "history")
    with artifacts.writing(tmp_path / "model", "model") as model:
        (model / models.MODEL_FILE).write_bytes(b"not read here")
        files.write_json({}, model / models.DESCRIPTION_FILE)
    return tmp_path


def a_file(artifact):
    return next(path for path in sorted(artifact.iterdir()) if path.name != artifacts.MANIFEST)


def edit_manifest(artifact, change):
    manifest = json.loads((artifact / artifacts.MANIFEST).read_bytes())
    change(manifest)
    (artifact / artifacts.MANIFEST).write_text(json.dumps(manifest))


DAMAGES = {
    "absent": (shutil.rmtree, "is none"),
    "no manifest": (lambda artifact: (artifact / artifacts.MANIFEST).unlink(), "was not finished"),
    "empty manifest": (lambda artifact: (artifact / artifacts.MANIFEST).write_text(""), "can't be read"),
    "cut manifest": (lambda artifact: rewrite(artifact / artifacts.MANIFEST, half), "can't be read"),
    "listed manifest": (lambda artifact: (artifact / artifacts.MANIFEST).write_text("[]"), "can't be read"),
    "deep manifest": (lambda artifact: (artifact / artifacts.MANIFEST).write_text("[" * 10**5), "can't be read"),
    "other kind": (lambda artifact: edit_manifest(artifact, lambda known: known.update(kind="cake")), "'cake'"),
    "missing file": (lambda artifact: a_file(artifact).unlink(), "is missing"),
    "added file": (lambda artifact: (artifact / "extra.pkl").write_bytes(pickle.dumps(0)), "extra.pkl is not in"),
    "added link": (lambda artifact: (artifact / "extra").symlink_to(a_file(artifact)), "extra is not in"),
    "altered byte": (
        lambda artifact: rewrite(a_file(artifact), lambda data: bytes([data[0] ^ 1]) + data[1:]),
        "does not match its SHA-256",
    ),
    "cut file": (lambda artifact: rewrite(a_file(artifact), half), "does not match its SHA-256"),
    "longer file": (lambda artifact: rewrite(a_file(artifact), lambda data: data + b"\n"), "does not match"),
    "altered sum": (
        lambda artifact: edit_manifest(artifact, lambda known: known["files"].update({a_file(artifact).name: {}})),
        "does not match",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", READERS)
def test_a_damaged_artifact(folder, kind, damage):
    change, message = DAMAGES[damage]
    change(folder / kind)
    before = tree(folder)

    with pytest.raises(InvalidInput, match=f"^{kind} .*{message}"):
        READERS[kind](folder / kind)
    assert tree(folder) == before


@pytest.mark.parametrize("kind", READERS)
def test_an_artifact_in_place_of_another(folder, kind):
    other = "history" if kind != "history" else "model"

    with pytest.raises(InvalidInput, match=f"^{kind} .*describes '{other}'"):
        READERS[kind](folder / other)


def sealed(path, kind, contents):
    """Write an artifact of any contents, by file name, with a manifest that matches."""
    with artifacts.writing(path, kind) as folder:
        for name, data in contents.items():
            (folder / name).write_bytes(data)
    return path


def npy(array):
    from io import BytesIO

    file = BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


class Trap:
    """What would leave a file if it were ever unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("sprung"),))


GOOD = {
    "test_inputs.npy": npy(idx.draw(6)[0]),
    "test_labels.npy": npy(idx.draw(6)[1]),
    "dataset.json": b'{"class_names": ["a", "b", "c"], "input_shape": [6, 4]}',
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"test_inputs.npy": npy(np.array([Trap()], dtype=object))}, "test_inputs.npy is no plain array"),
        ({"test_labels.npy": pickle.dumps(Trap())}, "test_labels.npy is no plain array"),
        ({"test_inputs.npy": b""}, "test_inputs.npy is no plain array"),
        ({"test_inputs.npy": GOOD["test_inputs.npy"][:-20]}, "test_inputs.npy is no plain array"),
        ({"test_inputs.npy": npy(np.ones((6, 6, 4)))}, "must hold uint8 inputs"),
        ({"test_inputs.npy": npy(np.ones((6, 4, 4), np.uint8))}, "must hold uint8 inputs"),
        ({"test_labels.npy": npy(np.zeros(5, np.int64))}, "a label from 0 to 2 for each input"),
        ({"test_labels.npy": npy(np.full(6, 3))}, "a label from 0 to 2 for each input"),
        ({"test_labels.npy": npy(np.full(6, -1))}, "a label from 0 to 2 for each input"),
        ({"dataset.json": b"{}"}, "class_names|source"),
        ({"dataset.json": b"<html>"}, "Expecting value"),
    ],
    ids=range(11),
)
def test_an_artifact_that_is_sealed_but_holds_something_else(tmp_path, monkeypatch, changed, message):
    monkeypatch.chdir(tmp_path)
    path = sealed(tmp_path / "test_data", "test_data", {**GOOD, **changed})

    with pytest.raises(InvalidInput, match=f"^test_data .*({message})"):
        artifacts.read_test_data(path)
    assert not Path("sprung").exists()


def test_the_artifact_that_these_are_variants_of_is_read(tmp_path):
    assert len(artifacts.read_test_data(sealed(tmp_path / "test_data", "test_data", GOOD)).test) == 6


def lambda_model(path):
    import keras

    inputs = keras.Input((2,))
    keras.Model(inputs, keras.layers.Lambda(lambda value: value + 1)(inputs)).save(path)


def foreign_class_model(path):
    import keras

    inputs = keras.Input((2,))
    keras.Model(inputs, keras.layers.Dense(1)(inputs)).save(path)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    config = contents["config.json"].replace(b'"keras.layers", "class_name": "Dense"', b'"os", "class_name": "system"')
    assert config != contents["config.json"]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**contents, "config.json": config}.items():
            archive.writestr(name, data)


def cut_model(path):
    lambda_model(path)
    rewrite(path, half)


MODELS = {
    "lambda": lambda_model,
    "foreign class": foreign_class_model,
    "cut": cut_model,
    "pickle": lambda path: path.write_bytes(pickle.dumps(Trap())),
    "absent": lambda path: path.with_name("model.h5").write_bytes(b"\x89HDF"),
    "folder": lambda path: (path.mkdir(), (path / "config.json").write_text("{}")),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", MODELS)
def test_a_model_that_keras_own_layers_do_not_make(tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)
    with artifacts.writing(tmp_path / "model", "model") as folder:
        MODELS[what](folder / models.MODEL_FILE)
        files.write_json({"custom_objects": []}, folder / models.DESCRIPTION_FILE)

    with pytest.raises(InvalidInput, match=r"^model at .*model\.keras"):
        models.read(tmp_path / "model")
    assert not Path("sprung").exists()


def test_the_real_command_line_does_the_same(tmp_path):
    words = runs.command("local-run", output_dir="out", data_source="synthetic", max_trials=0)
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=runs.environment())

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: max_trials must be an integer from 1 to 100000, got 0\n"
    assert list(tmp_path.iterdir()) == []
