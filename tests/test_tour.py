"""The notebook, as it stands, and the Python interface that it calls."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import fashion_tuner
from components.core.errors import InvalidInput
from fashion_tuner import compare, load_run, run_locally

ROOT = Path(__file__).resolve().parents[1]
TOUR = ROOT / "docs" / "tour.ipynb"


@pytest.mark.slow
def test_the_notebook_runs_as_it_stands_and_shows_its_results(tmp_path, monkeypatch):
    monkeypatch.delenv("KFP_HOST", raising=False)
    notebook = nbformat.read(TOUR, as_version=4)
    (tmp_path / "docs").mkdir()
    for entry in ROOT.iterdir():  # it writes runs beside the notebook
        if entry.name not in ("docs", "runs") and not entry.name.startswith("."):
            (tmp_path / entry.name).symlink_to(entry)

    place = {"metadata": {"path": tmp_path / "docs"}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert {"image/png", "text/html"} <= {kind for output in outputs for kind in output.get("data", ())}
    assert not [output for output in outputs if output.output_type == "error"]
    assert len(list((tmp_path / "docs" / "runs").iterdir())) == 2


def test_the_notebook_is_kept_without_output_in_ten_cells():
    cells = json.loads(TOUR.read_text())["cells"]

    assert len(cells) == 10
    of_code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in of_code)


def test_a_run_is_read_with_typed_results_and_frames(finished_run):
    run = load_run(finished_run.folder)

    assert run.test_accuracy == finished_run.summary["test_accuracy"]
    assert run.trials.index.tolist() == [0, 1, 2] and "learning_rate" in run.trials
    assert run.curves.shape == (2, 3) and run.curves.index.tolist() == [1, 2]
    assert run.epochs.index[0] == 1 and "validation_accuracy" in run.epochs
    assert (run.promoted, run.version, run.report.is_file()) == (True, 1, True)


def test_runs_are_compared_by_what_differs(finished_run):
    run = load_run(finished_run.folder)

    frame = compare([run, run])

    assert frame.columns.tolist() == ["test_accuracy", "validation_accuracy", "seconds"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_trails": 3}, "got 'max_trails'; the nearest is 'max_trials'"),
        ({"max_trials": 0}, "max_trials must be an integer from 1"),
        ({"minimum_accuracy": 0.5}, "minimum_accuracy must come with registry"),
    ],
)
def test_what_can_t_be_used_is_refused_before_anything_is_made(parameters, message, tmp_path):
    with pytest.raises(InvalidInput, match=message):
        run_locally(tmp_path / "run", **parameters)
    assert not (tmp_path / "run").exists()


def test_what_holds_no_run_is_said_so(tmp_path):
    with pytest.raises(InvalidInput, match="must be that of a finished run"):
        load_run(tmp_path)


def test_the_interface_is_what_it_says():
    assert all(hasattr(fashion_tuner, name) for name in fashion_tuner.__all__)
