"""The promote step called directly: small models, a registry in a folder, and what goes into service."""

import json
from pathlib import Path

import pytest
from kfp import dsl

from components.core import artifacts
from components.core.errors import InvalidInput
from components.promote import comparison
from components.promote.component import promote
from components.registry import champion, versions
from components.registry.store import open_store
from tests.model_registry import write_model, write_test_data
from tests.report_page import Document


@pytest.fixture
def run(tmp_path):
    """Return a function that promotes a model of a run, and returns metrics and the page."""
    (tmp_path / "report").write_text("<!DOCTYPE html>")
    (tmp_path / "model_card").write_text("# Model card")
    write_test_data(tmp_path / "test_data")

    def run(name="run-1", model="model", **parameters):
        inputs = {"model": model, "test_data": "test_data", "report": "report", "model_card": "model_card"}
        outputs = {"metrics": dsl.Metrics, "decision": dsl.HTML}
        made = {each: kind(uri=str(tmp_path / "out" / name / each)) for each, kind in outputs.items()}
        promote.python_func(
            **{each: dsl.Artifact(uri=str(tmp_path / path)) for each, path in inputs.items()},
            **made,
            registry=str(tmp_path / "registry"),
            run=name,
            **parameters,
        )
        return made["metrics"].metadata, Path(made["decision"].path).read_text()

    return run


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "registry"))


def test_a_first_model_is_registered_and_goes_into_service(run, store, tmp_path):
    write_model(tmp_path / "model", wrong=[2])

    metrics, page = run(minimum_accuracy=0.5)

    assert (metrics["promoted"], metrics["version"]) == (1, 1)
    (version,) = versions.read_all(store)
    assert champion.read(store).version == 1
    assert set(version.files) == {
        *(
            "examples.npz",
            "model/manifest.json",
            "model/model.json",
            "model/model.keras",
            "model_card.md",
            "report.html",
        )
    }
    assert version.metrics["test_accuracy"].value == pytest.approx(2 / 3)
    assert version.metrics["test_accuracy"].low < 2 / 3 < version.metrics["test_accuracy"].high
    assert version.data["test"] == artifacts.fingerprint(tmp_path / "test_data")
    assert "Version 1 goes into service" in page
    with versions.fetched(store, version, "model/") as folder:
        assert (comparison.answers(folder, artifacts.read_test_data(tmp_path / "test_data")).argmax(axis=1) < 2).all()


def test_a_first_model_below_the_minimum_is_registered_and_does_not(run, store, tmp_path):
    write_model(tmp_path / "model", wrong=[2])

    metrics, page = run(minimum_accuracy=0.9)

    assert (metrics["promoted"], metrics["version"]) == (0, 1)
    assert champion.read(store).version is None
    assert "does not reach the minimum accuracy" in page


def test_a_better_one_takes_its_place_and_the_page_shows_both(run, store, tmp_path):
    write_model(tmp_path / "model", wrong=[2])
    write_model(tmp_path / "better")
    run()

    metrics, page = run("run-2", "better")

    assert (metrics["promoted"], metrics["version"], metrics["champion"]) == (1, 2, 1)
    assert metrics["accuracy_difference"] == pytest.approx(1 / 3)
    assert [entry["version"] for entry in champion.read(store).history] == [1, 2]
    rows = Document(page).rows
    assert ["Candidate right", "200", "100"] in rows and ["Candidate wrong", "0", "0"] in rows
    assert page.count("<svg") == 24
    assert "&lt;script&gt;" in page and "<script>" not in page


def test_one_that_is_no_better_leaves_the_champion_in_service(run, store, tmp_path):
    write_model(tmp_path / "model", wrong=[2])
    run()

    metrics, page = run("run-2")

    assert (metrics["promoted"], metrics["version"]) == (0, 2)
    assert metrics["p_value"] == 1.0
    assert champion.read(store).version == 1
    assert "Both are right on the same images." in page


def test_a_run_that_is_begun_again_neither_registers_nor_promotes_twice(run, store, tmp_path):
    write_model(tmp_path / "model")

    first, again = run()[0], run()[0]

    assert (first["promoted"], again["promoted"]) == (1, 1)
    assert len(versions.read_all(store)) == 1 and champion.read(store).revision == 1


def test_one_that_loses_a_class_does_not_go_into_service(run, store, tmp_path):
    write_model(tmp_path / "model", wrong=[0, 1])
    write_model(tmp_path / "other", wrong=[2])
    run()

    metrics, page = run("run-2", "other")

    assert metrics["accuracy_difference"] > 0.3 and metrics["promoted"] == 0
    assert ["<script>", "100", "1.0000", "0.0000", "-100.0", "no"] in Document(page).rows


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"names": ("dark", "bright", "grey")},
            "3 classes and the champion 3, '<script>' among those that only one has",
        ),
        ({"shape": (5, 4)}, r"its input has the shape \(5, 4\) and the champion's \(4, 5\)"),
    ],
)
def test_one_with_another_interface_is_refused_by_name_unless_told_otherwise(changed, message, run, store, tmp_path):
    write_model(tmp_path / "model")
    run()
    write_test_data(tmp_path / "test_data", **changed)
    write_model(tmp_path / "other", **changed)

    with pytest.raises(InvalidInput, match=message):
        run("run-2", "other")
    assert champion.read(store).version == 1
    metrics, _ = run("run-2", "other", other_interface=True)
    assert metrics["promoted"] == 1 and champion.read(store).version == 2


def test_a_champion_that_was_altered_is_not_compared_with(run, store, tmp_path):
    write_model(tmp_path / "model", wrong=[2])
    run()
    (tmp_path / "registry/versions/0001/model/model.json").write_text("{}")

    with pytest.raises(InvalidInput, match=r"model/model.json of version 1 .* was altered or damaged"):
        run("run-2")


def test_a_champion_that_came_meanwhile_is_compared_with(run, store, tmp_path, monkeypatch):
    """Another run promotes a perfect model between the comparison and the promotion of this one."""
    write_model(tmp_path / "model", wrong=[1, 2])
    write_model(tmp_path / "better", wrong=[2])
    write_model(tmp_path / "perfect")
    run()
    change, others = champion.change, []

    def overtaken(*arguments):
        if not others:
            others.append("begun")
            monkeypatch.setattr(champion, "change", change)
            run("run-3", "perfect")
        return change(*arguments)

    monkeypatch.setattr(champion, "change", overtaken)
    metrics, _ = run("run-2", "better")

    assert (metrics["promoted"], metrics["champion"]) == (0, 3)
    assert champion.read(store).version == 3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"promotion_level": 0}, "promotion_level must be"), ({"minimum_accuracy": 2}, "minimum_accuracy must be")],
)
def test_a_rule_that_is_none_is_refused_before_anything_is_registered(parameters, message, run, store, tmp_path):
    write_model(tmp_path / "model")

    with pytest.raises(InvalidInput, match=message):
        run(**parameters)
    assert versions.numbers(store) == []


def test_metrics_are_numbers_that_every_store_can_hold(run, tmp_path):
    write_model(tmp_path / "model")

    metrics, _ = run()

    assert json.loads(json.dumps(metrics)) == metrics
    assert all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in metrics.values())
