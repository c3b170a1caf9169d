"""Seconds for one suggestion after many finished trials; prints one JSON line.

python -m benchmarks.suggestion_seconds N_FINISHED …
"""

import json
import sys
import time
from collections.abc import Sequence

import numpy as np

from components.core.space import discover
from components.experiment.space import search_space
from components.tune.suggestions import Observation, Suggester


def main(counts: Sequence[int]) -> None:
    print(json.dumps([[count, _measure(count)] for count in counts]))


def _measure(n_finished: int) -> float:
    """Return the seconds for the next configuration after so many drawn ones, whose scores follow the rate."""
    suggester, random = Suggester(discover(search_space), seed=1), np.random.default_rng(0)
    cube = suggester.cube
    tried = [cube.decode(random.random(cube.n_dimensions)) for _ in range(n_finished)]
    scores = [0.9 - np.log10(values["learning_rate"] / 3e-3) ** 2 + random.normal(0, 0.01) for values in tried]
    observations = [Observation(values, 1.0, float(score)) for values, score in zip(tried, scores, strict=True)]
    start = time.perf_counter()
    suggester.promising(1, tried, observations, spent=0.5)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(list(map(int, sys.argv[1:])))
