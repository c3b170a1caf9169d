"""Whole runs: the command line from its options to what it leaves."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pipeline
from command_line.main import main
from command_line.pipeline_parameters import PipelineParameters
from components.core import artifacts, models, parameters
from components.sources import dataset, fashion_mnist
from tests import processes, runs
from tests.http_server import serving, write_certificate
from tests.idx import TEST_LABELS, draw, label_bytes, packed

REAL_DATA = os.environ.get(fashion_mnist.FOLDER_VARIABLE)
NOBODY = "http://127.0.0.1:9"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def test_a_run_ends_well_and_says_nothing_on_standard_error(finished_run):
    assert (finished_run.status, finished_run.stderr) == (0, "")


def test_the_summary_has_what_outside_programs_read(finished_run):
    summary = finished_run.summary

    assert 0.9 < summary["test_accuracy"] <= 1 and 0.9 < summary["validation_accuracy"] <= 1
    assert isinstance(summary["best_hyperparameters"], dict)
    assert [trial["number"] for trial in summary["trials"]] == [0, 1, 2]
    assert sorted(summary["steps"]) == sorted(runs.STEPS_OF_A_RUN)
    assert all(seconds > 0 for seconds in summary["steps"].values())
    assert summary["seed"] == 7


def test_the_summary_says_where_the_seconds_of_the_search_went(finished_run):
    assert set(finished_run.summary["search_seconds"]) == {
        "epochs",
        "compilation",
        "start_up",
        "suggestions",
        "search",
    }


def test_the_summarys_trials_are_the_artifacts_lines(finished_run):
    lines = (finished_run.folder / "tune" / "trials" / "trials.jsonl").read_text().splitlines()[1:]

    assert finished_run.summary["trials"] == [json.loads(line) for line in lines]


def test_a_trial_has_the_journals_keys(finished_run):
    keys = "number status hyperparameters validation_accuracy curve epochs seconds reason"

    assert all(list(trial) == keys.split() for trial in finished_run.summary["trials"])


def test_every_step_leaves_its_artifacts_in_a_folder_of_its_name(finished_run):
    left = {str(path.relative_to(finished_run.folder)) for path in finished_run.folder.glob("*/*")}

    steps = {"prepare/training_data", "prepare/test_data", "tune/best_hyperparameters", "tune/finalists"}
    assert left >= steps | {"tune/trials", "train/model", "train/history", "evaluate/evaluation", "evaluate/report"}
    assert (finished_run.folder / "report.html").is_file()


def test_the_model_says_where_it_comes_from(finished_run):
    description = models.read_description(finished_run.folder / "train" / "model")
    data = artifacts.read_training_data(finished_run.folder / "prepare" / "training_data")

    assert description["hyperparameters"] == finished_run.summary["best_hyperparameters"]
    assert description["finals"] == finished_run.summary["finals"]
    assert description["class_names"] == ["0", "1", "2"]
    assert description["data_fingerprint"] == data.fingerprint
    assert set(description["versions"]) == {"python", "tensorflow", "keras", "numpy"}


def test_a_log_has_a_line_a_step_a_trial_and_an_epoch_of_a_final(finished_run):
    lines = finished_run.stdout.splitlines()

    started = [line.removesuffix(": started") for line in lines if line.endswith(": started")]
    assert sorted(started) == sorted(runs.STEPS_OF_A_RUN)
    trial = r"trial \d \(\d of 3\): [01]\.\d{4} after 2 epochs, best [01]\.\d{4} .*\d s, hidden_layers=\d "
    assert len([line for line in lines if re.match(trial, line)]) == 3
    epochs = [match[1] for line in lines if (match := re.match(r"final: trial \d seed 7 epoch (\d)/3: [01]\.", line))]
    assert sorted(epochs)[-2:] == ["3", "3"] and set(epochs) <= {"1", "2", "3"}


def test_a_log_has_no_control_characters(finished_run):
    assert not CONTROL.search(finished_run.stdout)


def test_a_run_ends_with_its_result_and_where_the_files_are(finished_run):
    _, _, result = finished_run.stdout.partition("\nResult\n")
    rows = dict(re.split(r"  +", line, maxsplit=1) for line in result.splitlines())

    assert rows["test accuracy"] == f"{finished_run.summary['test_accuracy']:.4f}"
    assert Path(rows["model"]).is_file() and Path(rows["report"]).is_file() and Path(rows["summary"]).is_file()


def copied(finished_run, folder):
    """Return the folder of a copy of the run, which a test may change."""
    return shutil.copytree(finished_run.folder, folder)


def contents(folder):
    """Return every file below a folder, with its bytes and its time of change."""
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_second_identical_run_runs_no_step_again(finished_run, tiny_data, tmp_path):
    folder = copied(finished_run, tmp_path / finished_run.folder.name)

    registry = finished_run.folder.parent / "registry"
    again = runs.local_run(folder, data_source=tiny_data, registry=registry, **runs.SMALL, workers=1)

    assert again.status == 0 and again.stdout.count("unchanged, kept from an earlier run") == len(runs.STEPS_OF_A_RUN)
    assert sorted(again.summary["reused_steps"]) == sorted(runs.STEPS_OF_A_RUN)
    assert again.summary["test_accuracy"] == finished_run.summary["test_accuracy"]


@pytest.fixture
def line(capsys, monkeypatch, tmp_path):
    """Return a function that runs the command line in this process, in an empty folder: (status, output, errors)."""
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["pipeline.py", *map(str, arguments)])
        monkeypatch.setattr("sys.meta_path", list(sys.meta_path))
        with pytest.raises(SystemExit) as ended:
            main(pipeline.build)
        return ended.value.code, *capsys.readouterr()

    yield run
    signal.signal(signal.SIGTERM, before)


OUT_OF_RANGE = {
    "validation_fraction": ("0.009", "0.51", "-1", "0"),
    "max_trials": ("0", "100001", "-1"),
    "trial_epochs": ("0", "10001"),
    "trial_time_limit_s": ("-1", "604801"),
    "round_size": ("-1", "10001"),
    "time_budget_s": ("-1", "604801"),
    "workers": ("-1", "1025"),
    "finalists": ("-1", "1001"),
    "training_epochs": ("0", "10001"),
    "early_stopping_patience": ("-1", "10001"),
    "seed": ("-1", "4294967296"),
}
NO_NUMBERS = ("nan", "inf", "-inf", "text", "", " ")
BAD_NUMBERS = [(name, value) for name, values in OUT_OF_RANGE.items() for value in (*values, *NO_NUMBERS)]
NO_INTEGERS = [(name, value) for name in OUT_OF_RANGE if name != "validation_fraction" for value in ("1.5", "2.0")]


@pytest.mark.parametrize(("name", "value"), BAD_NUMBERS + NO_INTEGERS)
def test_a_bad_number_is_refused_in_one_line_with_parameter_rule_and_value(name, value, line, tmp_path):
    status, output, errors = line("local-run", "--data-source", "synthetic", f"--{name.replace('_', '-')}={value}")

    assert (status, output) == (2, "")
    assert re.fullmatch(rf"error: {name} must be an? (number|integer) from \S+ to \S+, got \S.*\n", errors)
    assert (value.strip() or "''" in errors or "' '" in errors) and value.strip() in errors
    assert list(tmp_path.iterdir()) == []


OTHER_BAD_VALUES = {
    "an unknown option": (["--max-trial", "3"], "No such option '?--max-trial"),
    "an option without its value": (["--seed"], "'--seed' requires an argument"),
    "a stray word": (["stray"], "stray"),
    "no truth value": (["--stop-trials-early", "maybe"], "stop_trials_early must be true or false, got 'maybe'"),
    "an empty source": (["--data-source", ""], "data_source must be one of .*, got ''"),
    "a missing folder": (["--data-source", "nowhere"], "data_source must be a folder .*, got 'nowhere'"),
    "a plain address": (["--data-source", "http://example.org"], "data_source must be .*, got 'http://example.org'"),
    "an empty output folder": (["--output-dir", ""], "output_dir must be a folder, got ''"),
    "a file for an output folder": (["--output-dir", os.devnull], "output_dir must be a folder, .*is a file"),
    "a folder in a file": (["--output-dir", __file__ + "/x"], "output_dir must be a folder, .*is a file"),
    "a folder of other things": (["--output-dir", str(Path(__file__).parent)], "output_dir must be new, empty or"),
    "a missing journal": (["--warm-start", "nowhere"], "warm_start must be the journal .*, got 'nowhere'"),
}


@pytest.mark.parametrize(("arguments", "message"), OTHER_BAD_VALUES.values(), ids=OTHER_BAD_VALUES)
def test_another_bad_value_is_refused_in_one_line(arguments, message, line, tmp_path):
    status, output, errors = line("local-run", *arguments)

    assert (status, output) == (2, "")
    assert re.fullmatch(f"error: .*{message}.*\n", errors)
    assert list(tmp_path.iterdir()) == []


def test_a_data_folder_without_an_archive_is_refused_by_the_archives_name(line, tmp_path):
    (tmp_path / "data").mkdir()

    status, _, errors = line("local-run", "--data-source", "data")

    assert status == 2 and "train-images-idx3-ubyte.gz" in errors and errors.count("\n") == 1


def test_an_unknown_command_is_refused_by_name(line):
    assert line("frobnicate") == (2, "", "error: No such command 'frobnicate'.\n")


def test_without_a_command_the_help_is_shown(line):
    status, _, errors = line()

    assert status == 2 and errors.startswith("Usage: pipeline.py") and "local-run" in errors


def test_the_help_offers_every_pipeline_parameter_in_the_pipelines_order(line):
    status, output, _ = line("local-run", "--help")

    options = re.findall(r"^  --([a-z-]+)", output, re.MULTILINE)
    assert status == 0
    names = [name.replace("_", "-") for name in PipelineParameters(pipeline.build).inputs]
    assert options == ["output-dir", *names, "config", "profile"]


def test_every_option_says_what_it_is_and_its_default():
    for name, default in PipelineParameters(pipeline.build).defaults.items():
        assert parameters.PARAMETERS[name].description
        assert default is not None


CONTINUATIONS = {
    "seed": (8, "seed must stay 7 .*, got 8"),
    "trial_epochs": (9, "trial_epochs must stay 2 .*, got 9"),
    "max_trials": (2, "max_trials must be at least the 3 trials .*, got 2"),
    "training_epochs": (4, "training_epochs must stay 3 .*, got 4"),
    "stop_trials_early": ("false", "stop_trials_early must stay True .*, got False"),
}


@pytest.mark.parametrize(("name", "change"), CONTINUATIONS.items(), ids=CONTINUATIONS)
def test_what_would_be_another_search_is_refused_and_nothing_touched(name, change, finished_run, tiny_data, line):
    value, message = change
    before = contents(finished_run.folder)
    values = {**runs.SMALL, "workers": 1, "data_source": tiny_data, "output_dir": finished_run.folder, name: value}

    status, _, errors = line("local-run", *runs.command(**values)[2:])

    assert status == 2 and re.fullmatch(f"error: {message}.*\n", errors)
    assert contents(finished_run.folder) == before


def test_a_source_that_was_named_and_can_not_be_had_is_an_error(line, tmp_path, monkeypatch):
    monkeypatch.setenv("https_proxy", NOBODY)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(fashion_mnist.FOLDER_VARIABLE, raising=False)

    status, _, errors = line("local-run", "--data-source", "fashion-mnist", "--output-dir", tmp_path / "run")

    assert (
        status == 2 and errors.startswith("error: ") and "could not be reached" in errors and errors.count("\n") == 1
    )
    assert not (tmp_path / "run").exists()


OTHER_PLACES = {
    "another spelling": lambda data: f"file://{data.parent}/./{data.name}/",
    "a link": lambda data: linked(data),
    "a folder that it was moved to": lambda data: data.rename(data.with_name("moved")),
    "the same place, with other files beside": lambda data: littered(data),
    "an archive": lambda data: packed_as_npz(data),
}


def linked(data):
    link = data.with_name("link")
    link.symlink_to(data)
    return link


def littered(data):
    (data / ".DS_Store").write_bytes(b"\0")
    (data / "notes.txt").write_text("mine")
    (data / "notes.txt").chmod(0)
    (data / "gone").symlink_to("nowhere")
    return data


def packed_as_npz(data):
    raw = dataset.load(str(data), seed=0)
    arrays = {"x_train": raw.train.inputs, "y_train": raw.train.labels}
    np.savez(data.with_name("data.npz"), **arrays, x_test=raw.test.inputs, y_test=raw.test.labels)
    return data.with_name("data.npz")


@pytest.mark.slow
@pytest.mark.parametrize("place", OTHER_PLACES.values(), ids=OTHER_PLACES)
def test_the_same_data_from_another_place_continues_the_run(place, finished_run, tiny_data, tmp_path):
    folder = copied(finished_run, tmp_path / "run")

    again = runs.local_run(
        folder, data_source=place(shutil.copytree(tiny_data, tmp_path / "data")), **runs.SMALL, workers=1
    )

    assert again.status == 0, again.stderr
    assert {"tune", "train"} <= set(again.summary["reused_steps"])


@pytest.mark.slow
def test_what_follows_a_question_mark_is_neither_kept_nor_shown(tiny_data, tmp_path):
    certificate = write_certificate(tmp_path / "server.pem")
    files = {f"/data/{path.name}?sig=verysecret": path.read_bytes() for path in tiny_data.iterdir()}
    surroundings = {"REQUESTS_CA_BUNDLE": str(certificate), "NO_PROXY": "127.0.0.1", "XDG_CACHE_HOME": str(tmp_path)}
    with serving(files, certificate=certificate) as server:
        source = f"{server.address}/data?sig=verysecret"
        run = runs.local_run(tmp_path / "run", surroundings, data_source=source, **runs.SMALL, workers=1)

    assert run.status == 0, run.stderr
    assert run.summary["data_source"] == f"{server.address}/data?…"
    assert "verysecret" not in run.stdout + run.stderr
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and b"verysecret" in path.read_bytes()]
    assert kept == []


@pytest.mark.slow
def test_a_changed_patience_runs_train_and_evaluate_again(finished_run, tiny_data, tmp_path):
    folder = copied(finished_run, tmp_path / "run")

    again = runs.local_run(folder, data_source=tiny_data, **runs.SMALL, early_stopping_patience=9, workers=1)

    assert again.summary["reused_steps"] == ["prepare", "tune"]
    assert again.summary["trials"] == finished_run.summary["trials"]


@pytest.mark.slow
def test_a_larger_search_continues_where_it_ended(finished_run, tiny_data, tmp_path):
    folder = copied(finished_run, tmp_path / "run")

    continued = runs.local_run(folder, data_source=tiny_data, **{**runs.SMALL, "max_trials": 4}, workers=1)

    assert continued.summary["trials"][:3] == finished_run.summary["trials"]
    assert [trial["number"] for trial in continued.summary["trials"]] == [0, 1, 2, 3]
    assert "continuing the search after 3 trials, 6 of about 8 epochs" in continued.stdout


def assert_same_run(first, second):
    assert runs.without_seconds(first.summary["trials"]) == runs.without_seconds(second.summary["trials"])
    assert first.summary["best_hyperparameters"] == second.summary["best_hyperparameters"]
    assert first.weights == second.weights


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run(finished_run, tiny_data, tmp_path):
    assert_same_run(finished_run, runs.local_run(tmp_path, data_source=tiny_data, **runs.SMALL, workers=1))


@pytest.mark.slow
def test_another_number_of_workers_gives_the_same_run(finished_run, tiny_data, tmp_path):
    assert_same_run(finished_run, runs.local_run(tmp_path, data_source=tiny_data, **runs.SMALL, workers=2))


@pytest.mark.slow
def test_permuting_the_test_labels_changes_nothing_that_was_chosen_or_trained(finished_run, tiny_data, tmp_path):
    data = shutil.copytree(tiny_data, tmp_path / "data")
    (data / TEST_LABELS).write_bytes(packed(label_bytes((draw(60)[1] + 1) % 3)))

    permuted = runs.local_run(tmp_path / "run", data_source=data, **runs.SMALL, workers=1)

    assert permuted.weights == finished_run.weights
    assert permuted.summary["best_hyperparameters"] == finished_run.summary["best_hyperparameters"]
    trials = (run.summary["trials"] for run in (permuted, finished_run))
    assert len({json.dumps(runs.without_seconds(each)) for each in trials}) == 1
    assert permuted.summary["test_accuracy"] < 0.1 < 0.9 < finished_run.summary["test_accuracy"]


@pytest.mark.parametrize("given", [[], ["--data-source", "fashion-mnist"]])
def test_a_folder_that_the_environment_names_and_is_not_there_is_an_error(given, line, tmp_path, monkeypatch):
    monkeypatch.setenv(fashion_mnist.FOLDER_VARIABLE, str(tmp_path / "archives"))

    status, _, errors = line("local-run", *given, "--output-dir", tmp_path / "run")

    assert status == 2 and errors.count("\n") == 1
    assert errors.startswith("error: data_source must be a folder with four IDX archives")
    assert errors.endswith(
        f"got '{fashion_mnist.FOLDER_VARIABLE}={tmp_path / 'archives'}': No such file or directory\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_without_a_source_or_a_network_the_run_says_first_that_its_data_is_synthetic(tmp_path):
    nothing_there = {"https_proxy": NOBODY, "XDG_CACHE_HOME": str(tmp_path), fashion_mnist.FOLDER_VARIABLE: ""}

    run = runs.local_run(tmp_path / "run", nothing_there, **{**runs.SMALL, "max_trials": 1, "training_epochs": 1})

    assert run.status == 0, run.stderr
    assert run.stdout.startswith("SYNTHETIC DATA: ")
    assert run.summary["data_source"] == "synthetic" and "synthetic data in place of" in run.summary["note"]
    assert "SYNTHETIC DATA IN PLACE OF" in run.stdout.partition("\nResult\n")[2]


def started(folder, tiny_data, **changes):
    """Start a run whose output can be read while it goes on."""
    words = runs.command("local-run", output_dir=folder, data_source=tiny_data, **{**runs.SMALL, **changes}, workers=1)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(words, env=runs.environment(), preexec_fn=processes.heed_interrupts, **pipes)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("sign", ["tune: started", "final: trial "])
def test_an_interrupted_run_says_how_to_continue(number, status, sign, tiny_data, tmp_path):
    run = started(tmp_path / "run", tiny_data, training_epochs=400, early_stopping_patience=400)
    for line in run.stdout:
        if line.startswith(sign):
            run.send_signal(number)
            break
    _, errors = run.communicate()

    assert run.returncode == status
    assert errors == f"warning: interrupted; the same command with --output-dir {tmp_path / 'run'} continues\n"


def on_a_terminal(words, columns=80):
    """Return (status, what was shown) of a command run on a pseudo-terminal."""
    parent, child = pty.openpty()
    environment = runs.environment(TERM="xterm-256color", COLUMNS=str(columns), LINES="40")
    process = subprocess.Popen(words, stdin=child, stdout=child, stderr=child, env=environment)
    os.close(child)
    shown = b""
    while True:
        try:
            data = os.read(parent, 65_536)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not data:
            break
        shown += data
    os.close(parent)
    return process.wait(), shown.decode()


@pytest.mark.slow
def test_a_terminal_shows_each_step_the_time_left_and_the_best_trial(tiny_data, tmp_path):
    status, shown = on_a_terminal(
        runs.command("local-run", output_dir=tmp_path / "run", data_source=tiny_data, **runs.SMALL, workers=1)
    )

    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert status == 0
    assert re.search(r"tune +\S+ 2/6 epochs 0:\d\d:\d\d 0:\d\d:\d\d left", text)
    assert re.search(r"train +\S+ 6/6 epochs", text)
    assert "best and last trials" in text and "test accuracy" in text
    drawn = [line for line in text.replace("\r", "\n").split("\n") if not line.startswith("the search decides ")]
    assert max(map(len, drawn)) <= 80  # but that line, which the terminal breaks, so that it can be copied whole
    assert "cudart" not in text and "Warning" not in text


@pytest.mark.slow
@pytest.mark.skipif(not REAL_DATA, reason=f"{fashion_mnist.FOLDER_VARIABLE} is not set")
def test_a_short_run_on_fashion_mnist_is_already_good(tmp_path):
    budget = {"max_trials": 3, "trial_epochs": 2, "training_epochs": 4, "seed": 7}

    run = runs.local_run(tmp_path / "run", data_source=REAL_DATA, **budget)

    assert run.status == 0, run.stderr
    assert run.summary["test_accuracy"] >= 0.86
