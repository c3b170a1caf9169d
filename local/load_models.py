"""Loads models in a fresh process, in safe mode: `python -m local.load_models FOLDER`; prints one JSON object.

FOLDER holds a folder a model, as `local.check_points.build` leaves it. Printed is what is wrong, by folder's name.
"""

import json
import sys
from pathlib import Path

import numpy as np


def main(folder: str) -> None:
    import components.experiment  # noqa: F401 - registers what the models need
    from components.core import models

    problems = {}
    for path in sorted(Path(folder).iterdir()):
        try:
            model = models.load(path / models.MODEL_FILE, [])
            with np.load(path / "logits.npz", allow_pickle=False) as kept:
                logits = np.asarray(model(kept["inputs"], training=False))
                same = np.allclose(logits, kept["logits"], rtol=1e-3, atol=1e-4)
        except Exception as error:
            problems[path.name] = " ".join(str(error).split()).replace(str(path), "it")[:300]
            continue
        if not same:
            problems[path.name] = "the loaded model gives other logits than the saved one"
    print(json.dumps(problems))


if __name__ == "__main__":
    main(sys.argv[1])
