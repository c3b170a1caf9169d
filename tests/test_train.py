"""The train step called directly: small finals, side by side, interrupted, lost and failing."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from components.core import artifacts, models
from components.core.experiment import ACCURACY, CROSS_ENTROPY
from components.core.finalists import Final
from components.experiment import EXPERIMENT
from components.train import finals
from components.train.finals import best_of
from components.training.state import TrainingFailed
from components.workers import task
from components.workers.stretch import Stretch
from tests import searches
from tests.train_step import SEED, VALUES, call, write_shortlist

N_EPOCHS = 4
SLOW = {**VALUES, "learning_rate": 0.0003}
HOPELESS = {**VALUES, "learning_rate": 1e38}
FINALS = (Final(4, SEED, VALUES, 2), Final(1, SEED, SLOW, 1), Final(4, SEED + 1, VALUES))
"""Two configurations as the search left them after one and two epochs, and the first one with another seed."""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return a folder with `training_data`, a shortlist `finalists` with checkpoints, and `bare`, one without."""
    folder = tmp_path_factory.mktemp("store")
    data = artifacts.read_training_data(searches.write_training_data(folder / "training_data"))
    checkpoints = [str(folder / "4.npz"), str(folder / "1.npz"), ""]
    for final, checkpoint in zip(FINALS, checkpoints, strict=True):
        if checkpoint:
            stretch = Stretch(final.number, final.hyperparameters, final.epochs, N_EPOCHS, final.seed, checkpoint)
            assert task.run(EXPERIMENT, data, stretch).status == "finished"
    write_shortlist(folder / "finalists", N_EPOCHS, FINALS, checkpoints)
    write_shortlist(folder / "bare", N_EPOCHS, FINALS)
    return folder


@pytest.fixture(scope="module")
def trained(store, tmp_path_factory):
    """Return what the step left, with its state in `store/state`."""
    folder = tmp_path_factory.mktemp("trained")
    return call(store, store / "finalists", folder, workers=3, state_dir=str(store / "state"))


def test_the_best_by_validation_is_the_model(trained):
    told = trained.description["finals"]
    best = max(told, key=lambda final: final["objective"])

    assert [(final["number"], final["seed"]) for final in told] == [(4, SEED), (1, SEED), (4, SEED + 1)]
    assert all(final["epochs"] == N_EPOCHS and final["reason"] is None for final in told)
    assert trained.description["winner"] == {"number": best["number"], "seed": best["seed"]}
    assert trained.metrics["validation_objective"] == best["objective"]
    assert trained.metrics["validation_accuracy"] == best["validation_accuracy"]


def test_the_model_is_what_was_validated(store, tmp_path, trained):
    out = tmp_path / "out"
    call(store, store / "finalists", out, state_dir=str(store / "state"))
    validation = artifacts.read_training_data(store / "training_data").validation

    found = models.read(out / "model").predict(validation.inputs, verbose=0).argmax(axis=1)

    assert np.mean(found == validation.labels) == pytest.approx(trained.metrics["validation_accuracy"], abs=1e-6)


def test_the_history_has_the_winner_s_epochs_and_every_final_s_curve(trained):
    curves = {(final["number"], final["seed"]): final for final in trained.history["finals"]}
    winner = curves[trained.description["winner"]["number"], trained.description["winner"]["seed"]]

    assert len(curves) == 3 and len(trained.history["loss"]) == N_EPOCHS
    assert winner["curve"] == trained.history["objective"]
    assert winner["validation_accuracies"] == trained.history["validation_accuracy"]
    assert winner["chosen_epoch"] == trained.history["chosen_epoch"] == trained.metrics["chosen_epoch"]


def test_the_metrics_tell_the_spread_over_all_finals(trained):
    bests = [final["objective"] for final in trained.description["finals"]]

    assert trained.metrics["n_finals"] == 3
    assert trained.metrics["objective_over_finals_mean"] == pytest.approx(np.mean(bests))
    assert trained.metrics["objective_over_finals_deviation"] == pytest.approx(np.std(bests, ddof=1))


def test_the_metrics_tell_the_spread_over_the_seeds_of_the_winner(trained):
    assert trained.description["winner"]["number"] == 4
    seeds = [final["objective"] for final in trained.description["finals"] if final["number"] == 4]

    assert trained.metrics["objective_over_seeds_mean"] == pytest.approx(np.mean(seeds))
    assert trained.metrics["objective_over_seeds_deviation"] == pytest.approx(np.std(seeds, ddof=1))


def test_one_by_one_without_a_state_they_end_as_side_by_side(store, trained, tmp_path):
    assert call(store, store / "finalists", tmp_path, workers=1).digits == trained.digits


@pytest.mark.slow
def test_finals_whose_checkpoints_are_lost_end_as_the_others(store, trained, tmp_path):
    assert call(store, store / "bare", tmp_path).digits == trained.digits


def test_finals_that_have_ended_are_not_trained_again(store, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(finals, "Pool", None)

    assert call(store, store / "finalists", tmp_path, state_dir=str(store / "state")).digits == trained.digits


@pytest.mark.slow
def test_a_damaged_checkpoint_in_the_state_is_replaced_by_that_of_the_search(store, trained, tmp_path):
    state = shutil.copytree(store / "state", tmp_path / "state")
    (state / "finals" / "0004-7.npz").write_bytes(b"damaged")

    assert call(store, store / "finalists", tmp_path, state_dir=str(state)).digits == trained.digits


def test_a_refit_changes_the_weights_and_not_what_chose_them(store, trained, tmp_path):
    refitted = call(store, store / "finalists", tmp_path, state_dir=str(store / "state"), refit=True)

    assert refitted.metrics == trained.metrics and refitted.history["finals"] == trained.history["finals"]
    assert refitted.weights != trained.weights
    assert refitted.description["n_training_examples"] == trained.description["n_training_examples"] + 90


def test_a_final_that_fails_is_left_out_with_a_warning(store, tmp_path, capsys):
    shortlist = write_shortlist(tmp_path / "finalists", N_EPOCHS, [Final(2, SEED, HOPELESS), FINALS[1]])

    found = call(store, shortlist, tmp_path)

    assert found.description["winner"] == {"number": 1, "seed": SEED} and found.metrics["n_finals"] == 1
    failed = found.description["finals"][0]
    assert failed["objective"] is None and failed["reason"].startswith("TrainingFailed: the loss is not finite")
    assert "the final of trial 2 seed 7 failed and is left out: TrainingFailed" in capsys.readouterr().err


def test_when_all_finals_fail_so_does_the_step_and_names_the_reason(store, tmp_path):
    shortlist = write_shortlist(tmp_path / "finalists", N_EPOCHS, [Final(2, SEED, HOPELESS)])

    with pytest.raises(TrainingFailed, match="all 1 finals failed: TrainingFailed: the loss is not finite"):
        call(store, shortlist, tmp_path)


def of(objective, metric=ACCURACY, reason=None):
    state = SimpleNamespace(objective=metric, best=SimpleNamespace(objective=objective))
    return finals.TrainedFinal(None, state, reason)


def test_of_equal_finals_the_first_one_wins():
    trained = [of(0.8), of(0.9), of(0.9)]

    assert best_of(trained) is trained[1]


def test_a_final_that_failed_does_not_win():
    trained = [of(0.9, reason="it failed"), of(0.8)]

    assert best_of(trained) is trained[1]


def test_where_less_is_better_the_least_wins():
    trained = [of(0.5, CROSS_ENTROPY), of(0.4, CROSS_ENTROPY)]

    assert best_of(trained) is trained[1]
