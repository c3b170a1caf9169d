"""The forks that docs/fork.md shows, run from data to report on small data, each in a copy of the project."""

import json
import re
import shutil

import pytest

from tests import fork, runs
from tests.forks.catalogue import FORKS

pytestmark = pytest.mark.slow


SHORT = {"max_trials": 3, "trial_epochs": 1, "round_size": 3, "finalists": 1, "training_epochs": 2, "seed": 7}


class Finished:
    """A fork's run: what it printed, left and says of itself in a fresh process."""

    def __init__(self, copy, folder, source):
        self.copy, self.folder = copy, folder
        self.words = runs.command("local-run", output_dir=folder, data_source=source, **SHORT, workers=1)[2:]
        self.log = self.again().stdout
        described = fork.python(copy, fork.PATCHES / "describe_run.py", folder)
        assert described.returncode == 0, described.stderr
        self.description = json.loads(described.stdout.splitlines()[-1])
        self.report = (folder / "report.html").read_text()
        self.card = (folder / "evaluate" / "model_card").read_text()
        self.model = json.loads((folder / "train" / "model" / "model.json").read_bytes())
        self.history = json.loads((folder / "train" / "history" / "history.json").read_bytes())

    def again(self):
        """Run the same command once more."""
        done = fork.python(self.copy, "pipeline.py", *self.words)
        assert done.returncode == 0, done.stderr
        self.summary = json.loads((self.folder / "summary.json").read_bytes())
        return done


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    """Return a function that gives a fork's `Finished` run, made once."""
    made = {}

    def run(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            made[name] = Finished(
                fork.forked(folder / "project", name), folder / "run", FORKS[name][0](folder / "data")
            )
        return made[name]

    return run


@pytest.mark.parametrize("name", FORKS)
def test_a_fork_runs_from_data_to_report(name, run_of):
    run = run_of(name)
    trials = run.summary["trials"]

    assert [trial["status"] for trial in trials] == ["completed"] * 3
    assert run.summary["best_hyperparameters"] in [trial["hyperparameters"] for trial in trials]
    assert run.model["objective"]["name"] == ("macro F1" if name == "table" else "accuracy")
    assert all(hyperparameter in run.report for hyperparameter in run.summary["best_hyperparameters"])


@pytest.mark.parametrize("name", FORKS)
def test_a_fork_s_model_is_as_good_in_a_fresh_process(name, run_of):
    run = run_of(name)
    best = next(
        trial for trial in run.description["trials"] if trial["hyperparameters"] == run.summary["best_hyperparameters"]
    )

    assert run.description["test_accuracy"] == run.summary["test_accuracy"]
    assert run.description["layers"] == best["layers"]


def test_the_convnet_s_report_shows_colours_and_what_the_network_is(run_of):
    run = run_of("convnet")
    gallery = run.report.partition('class="gallery"')[2].partition("</ul>")[0]
    colours = set(re.findall(r'(?:fill|stroke)="#(\w\w)(\w\w)(\w\w)"', gallery))

    assert run.model["network"]["compiled"] == "graph"
    assert "RGB image of 16 × 16 pixels" in run.report and "Conv2D" in run.report and "Conv2D" in run.card
    assert any(len(set(colour)) == 3 for colour in colours)


def test_the_convnet_s_trials_differ_in_their_layers(run_of):
    for trial in run_of("convnet").description["trials"]:
        assert trial["layers"].count("Conv2D") == trial["hyperparameters"]["n_blocks"]


def test_optimizer_and_schedule_are_those_of_the_trial(run_of):
    run = run_of("optimizer")
    classes = {"adamw": "AdamW", "sgd": "SGD"}
    schedules = {"cosine": "CosineDecay", "linear": "PolynomialDecay", "constant": "constant"}

    assert {trial["hyperparameters"]["optimizer"] for trial in run.description["trials"]} == {"adamw", "sgd"}
    for trial in run.description["trials"]:
        values = trial["hyperparameters"]
        assert trial["optimizer"] == classes[values["optimizer"]]
        assert trial["schedule"] == schedules[values["schedule"]]
        assert trial["momentum"] == values.get("momentum") and ("momentum" in values) == (trial["optimizer"] == "SGD")


def test_the_learning_rate_followed_the_schedule(run_of):
    run = run_of("optimizer")
    start, rates = run.summary["best_hyperparameters"]["learning_rate"], run.history["learning_rate"]

    ends_at_zero = run.summary["best_hyperparameters"]["schedule"] != "constant"
    assert rates[-1] == pytest.approx(0.0 if ends_at_zero else start, rel=1e-5, abs=1e-9)


def test_a_model_with_layers_of_its_own_is_evaluated_in_a_process_of_its_own(run_of):
    run = run_of("custom_layer")
    accuracy = run.summary["test_accuracy"]
    shutil.rmtree(run.folder / "evaluate")

    run.again()

    assert run.summary["reused_steps"] == ["prepare", "tune", "train"]
    assert run.summary["test_accuracy"] == accuracy


def test_the_report_says_which_layers_of_its_own_a_model_needs(run_of):
    run = run_of("custom_layer")
    values = run.summary["best_hyperparameters"]
    needed = ["fork>GatedDense"] * values["is_gated"] + ["fork>squared_relu"] * (values["activation"] != "relu")

    assert needed and run.model["custom_objects"] == needed
    assert all(name.replace(">", "&gt;") in run.report for name in needed)


def test_each_branch_of_a_space_makes_its_own_network(run_of):
    trials = run_of("branches").description["trials"]

    assert {trial["hyperparameters"]["family"] for trial in trials} == {"plain", "residual"}
    for trial in trials:
        values = trial["hyperparameters"]
        assert trial["layers"].count("ReLU") == values[f"{values['family']}/n_layers"]
        assert ("Add" in trial["layers"]) == (values["family"] == "residual")
        assert trial["beta_2"] == values["beta_2"]


def test_the_table_s_report_has_objective_and_metrics_by_name_and_no_pictures(run_of):
    run = run_of("table")

    assert "Validation macro F1" in run.report and "validation macro F1" in run.card
    assert all(name in run.report for name in ("Balanced accuracy", "Lowest recall", "less common"))
    assert 'class="gallery"' not in run.report and 'id="worst-mistakes"' in run.report
    assert "a row of 4 numbers" in run.report


def test_the_table_s_search_goes_by_macro_f1(run_of):
    run = run_of("table")
    scores = [max(trial["curve"]) for trial in run.summary["trials"]]
    best = run.summary["trials"][scores.index(max(scores))]

    assert run.summary["best_hyperparameters"] == best["hyperparameters"]
    assert run.history["objective"] != run.history["validation_accuracy"]
    assert run.history["chosen_epoch"] == 1 + run.history["objective"].index(max(run.history["objective"]))


def test_the_further_step_bundles_what_the_model_says(run_of):
    run = run_of("bundle_step")
    program = (
        "import sys, numpy as np, tensorflow as tf; from components.core import artifacts, models\n"
        "run = sys.argv[1]; inputs = artifacts.read_test_data(run + '/prepare/test_data').test.inputs[:5]\n"
        "served = tf.saved_model.load(run + '/bundle/saved_model/1')\n"
        "logits = models.read(run + '/train/model').predict(inputs, verbose=0)\n"
        "print(np.abs(served.serve(inputs.astype('float32')).numpy() - logits).max() < 1e-4)"
    )

    assert "bundle: finished" in run.log and "bundle" in run.summary["steps"]
    assert fork.python(run.copy, "-c", program, run.folder).stdout.splitlines()[-1:] == ["True"]
