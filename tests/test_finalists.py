"""The artifact between tune and train: what comes back of it, and what is refused."""

import pytest

from components.core import artifacts, files, finalists
from components.core.errors import InvalidInput
from components.core.finalists import Final, Finalists

VALUES = {"units": 8, "learning_rate": 0.01}
FIRST, SECOND, OTHER_SEED = Final(7, 0, VALUES, 18), Final(3, 0, {"units": 4}, 6), Final(7, 1, VALUES)


def written(folder, checkpoints, finals=(FIRST, SECOND, OTHER_SEED)):
    finalists.write(Finalists(30, finals), checkpoints, folder / "finalists")
    return folder / "finalists"


def checkpoint(folder, content=b"weights"):
    (folder / "some.npz").write_bytes(content)
    return folder / "some.npz"


def test_finals_come_back_in_their_order_with_the_checkpoints_that_there_are(tmp_path):
    path = written(tmp_path, [checkpoint(tmp_path), tmp_path / "lost.npz", ""])

    found = finalists.read(path)

    assert found.training_epochs == 30
    assert [(final.number, final.seed, final.epochs) for final in found.finals] == [(7, 0, 18), (3, 0, 6), (7, 1, 0)]
    assert [final.hyperparameters for final in found.finals] == [VALUES, {"units": 4}, VALUES]
    assert [final.weights for final in found.finals] == ["0007-0.npz", "", ""]
    assert (path / "0007-0.npz").read_bytes() == b"weights"


def test_an_altered_checkpoint_is_refused_by_name(tmp_path):
    path = written(tmp_path, [checkpoint(tmp_path), "", ""])
    (path / "0007-0.npz").write_bytes(b"other")

    with pytest.raises(InvalidInput, match=r"finalists at .* is damaged: 0007-0\.npz does not match"):
        finalists.read(path)


FINAL = {"number": 7, "seed": 0, "hyperparameters": {}, "epochs": 0, "weights": ""}
DAMAGED = {
    "no finals": ({"finals": []}, "finals must be one or more"),
    "no epochs": ({"training_epochs": 0}, "training_epochs must be an integer from 1"),
    "a final twice": ({"finals": [FINAL, FINAL]}, "0007-0 is repeated"),
    "no number": ({"finals": [{**FINAL, "number": "7"}]}, "number, seed and epochs"),
    "no values": ({"finals": [{**FINAL, "hyperparameters": []}]}, "hyperparameters of a final must be an object"),
    "another field": ({"finals": [{**FINAL, "rung": 1}]}, "rung"),
    "a missing checkpoint": ({"finals": [{**FINAL, "weights": "a.npz"}]}, "a.npz is named in finalists.json"),
    "a checkpoint outside": ({"finals": [{**FINAL, "weights": "../a.npz"}]}, "../a.npz is named in finalists.json"),
}


@pytest.mark.parametrize(("change", "message"), DAMAGED.values(), ids=DAMAGED)
def test_sealed_content_that_is_no_shortlist_is_refused(change, message, tmp_path):
    with artifacts.writing(tmp_path / "finalists", "finalists") as folder:
        files.write_json({"training_epochs": 30, "finals": [FINAL], **change}, folder / finalists.FILE_NAME)

    with pytest.raises(InvalidInput, match=f"finalists at .* is damaged: .*{message}"):
        finalists.read(tmp_path / "finalists")
