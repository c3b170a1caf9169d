"""Which configurations come next: first spread out over the space, then where the process expects most.

A suggestion is a function of the seed, of what was tried and of what was observed; see docs/decisions/0009.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import qmc
from threadpoolctl import threadpool_limits

from components.core.space import Space
from components.tune import process
from components.tune.embedding import Embedding
from components.tune.unit_cube import UnitCube

N_SPREAD = 1024
N_CENTERS = 8
N_NEIGHBOURS = 64
NEIGHBOUR_SPREAD = 0.12
CHANGED_SHARE = 0.5
"""Candidates: so many drawn over the whole space, and around each of the best so many with about half of the
hyperparameters moved by a normal step of this deviation."""

EXPLORATION = (2.0, 0.5)
"""How many standard deviations the upper confidence bound lies above the mean, as a search begins and as it ends."""

ONE_THREAD = 1
"""For linear algebra: more of them wait for each other on matrices this small, and sum up in another order on another
machine."""

Values = dict[str, Any]


@dataclass(frozen=True)
class Observation:
    """A score that was seen.

    Attributes:
        values: the configuration.
        fidelity: after how much of the training, from 0 for the lowest rung to 1 for the highest.
        score: in the search's direction: more is better; comparable between fidelities.
    """

    values: Values
    fidelity: float
    score: float


class Suggester:
    """Suggests configurations of a space.

    Args:
        space: the search space.
        seed: from 0.
        candidates: the only configurations to choose from, or None for the whole space.
    """

    def __init__(self, space: Space, seed: int, candidates: Sequence[Values] | None = None) -> None:
        self.cube = UnitCube(space)
        self._embedding = Embedding(self.cube)
        self._seed = seed % 2**32
        self._candidates = candidates

    def spread(self, n: int, tried: Sequence[Values]) -> list[Values]:
        """Return up to `n` untried configurations spread over the space, the default first.

        Source: scrambled Sobol points (Owen 1998, "Scrambling Sobol' and Niederreiter-Xing points").
        """
        first = len(tried)
        return self._untried(self._spread_from(first, first + n), tried, n)

    @threadpool_limits.wrap(limits=ONE_THREAD)
    def promising(
        self, n: int, tried: Sequence[Values], observations: Sequence[Observation], spent: float
    ) -> list[Values]:
        """Return up to `n` untried configurations to try together, those of the highest upper confidence bound.

        After each of them the bound is what it will be when its result is in, as far as that is known: lower around
        it. Source: Srinivas et al. 2010, "Gaussian process optimization in the bandit setting", section 4; for the
        ones chosen together see `process.Belief.expect`.

        Args:
            n: how many.
            tried: what was tried so far, in progress included.
            observations: at least two.
            spent: the share of the search that is over, 0 to 1; the more, the less is explored.
        """
        rng = np.random.default_rng([self._seed, len(tried)])
        fitted = self._fitted(observations)
        candidates = self._untried(self._around(observations, rng), tried)
        belief = fitted.belief(self._points(candidates))
        first, last = EXPLORATION
        exploration = first + (last - first) * spent
        chosen: list[int] = []
        for _ in range(min(n, len(candidates))):
            bound = belief.mean + exploration * np.sqrt(belief.variance)
            bound[chosen] = -np.inf
            chosen.append(int(np.argmax(bound)))
            belief.expect(chosen[-1])
        return [candidates[index] for index in chosen]

    @threadpool_limits.wrap(limits=ONE_THREAD)
    def expected(self, configurations: Sequence[Values], observations: Sequence[Observation]) -> np.ndarray:
        """Return what the process expects of configurations at the highest fidelity, shape (n,)."""
        return self._fitted(observations).mean(self._points(configurations))

    def _fitted(self, observations: Sequence[Observation]) -> process.Process:
        points = self._embedding.points([each.values for each in observations])
        fidelities = np.array([[each.fidelity] for each in observations])
        scores = np.array([each.score for each in observations])
        owners = np.append(self._embedding.owners, self._embedding.n_hyperparameters)
        return process.fit(np.hstack([points, fidelities]), scores, owners)

    def _points(self, configurations: Sequence[Values]) -> np.ndarray:
        points = self._embedding.points(configurations)
        return np.hstack([points, np.ones((len(points), 1))])

    def _spread_from(self, first: int, last: int) -> Iterator[Values]:
        """Yield this stretch of a sequence that begins with the default, then random points."""
        if self._candidates is not None:
            order = np.random.default_rng(self._seed).permutation(len(self._candidates))
            yield from (self._candidates[index] for index in order)
            return
        cube = self.cube
        if first == 0 or not cube.n_dimensions:
            yield cube.decode(cube.default())
        if not cube.n_dimensions:
            return
        points = qmc.Sobol(cube.n_dimensions, rng=self._seed).random_base2(max(1, int(last).bit_length()))
        yield from map(cube.decode, points[max(0, first - 1) : last])
        rng = np.random.default_rng([self._seed, first])
        yield from map(cube.decode, rng.random((N_SPREAD, cube.n_dimensions)))

    def _around(self, observations: Sequence[Observation], rng: np.random.Generator) -> Iterator[Values]:
        """Yield candidates over the whole space and around the best configurations seen."""
        if self._candidates is not None:
            yield from self._candidates
            return
        dimensions = self.cube.n_dimensions
        best = sorted(observations, key=lambda each: -each.score)[:N_CENTERS]
        centers = self.cube.encode([each.values for each in best])
        steps = rng.normal(0, NEIGHBOUR_SPREAD, (len(centers), N_NEIGHBOURS, dimensions))
        moved = rng.random(steps.shape) < CHANGED_SHARE
        near = np.clip(centers[:, None] + steps * moved, 0, 1).reshape(-1, dimensions)
        yield from map(self.cube.decode, np.vstack([near, rng.random((N_SPREAD, dimensions))]))

    def _untried(self, stream: Iterable[Values], tried: Sequence[Values], n: int | None = None) -> list[Values]:
        """Return the first `n` of a stream that are neither tried nor repeated."""
        seen = {_identity(values) for values in tried}
        new: list[Values] = []
        for values in stream:
            if n is not None and len(new) == n:
                break
            if _identity(values) not in seen:
                seen.add(_identity(values))
                new.append(values)
        return new


def _identity(values: Values) -> str:
    return json.dumps(values, sort_keys=True)
