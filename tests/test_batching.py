"""Requests that wait together are computed together, and no more are held than was said."""

import asyncio
import threading

import numpy as np
import pytest

from components.inference.servable import Servable
from components.registry.examples import Examples
from components.serve.batching import Batcher
from components.serve.errors import Overloaded, Refused

NOTHING = Examples(*(np.zeros((1, 1)),) * 3)


class Slow:
    """A model whose answers are its inputs, once it may go on."""

    def __init__(self, version="1"):
        self.sizes, self.may_go_on = [], threading.Event()
        self.servable = Servable(version, ("a",), (1,), "float32", "", NOTHING, self.compute)

    def compute(self, inputs):
        self.sizes.append(len(inputs))
        assert self.may_go_on.wait(10)
        return inputs


def rows(*values):
    return np.array(values, np.float32)[:, None]


def run(asked):
    return asyncio.run(asyncio.wait_for(asked, 20))


async def begun(batcher, servable, *requests):
    tasks = [asyncio.create_task(batcher.answer(servable, each)) for each in requests]
    await asyncio.sleep(0.05)
    return tasks


def test_what_arrives_while_a_batch_runs_is_one_batch_and_each_gets_its_own_rows():
    slow = Slow()

    async def ask():
        batcher = Batcher(batch_size=4, queue_size=100)
        tasks = await begun(batcher, slow.servable, rows(1), rows(2, 3), rows(4), rows(5), rows(6, 7))
        slow.may_go_on.set()
        return await asyncio.gather(*tasks)

    answers = run(ask())

    assert [answer.ravel().tolist() for answer in answers] == [[1], [2, 3], [4], [5], [6, 7]]
    assert slow.sizes == [4, 3]


def test_a_request_that_is_larger_than_a_batch_is_computed_in_parts():
    slow = Slow()
    slow.may_go_on.set()

    answer = run(Batcher(2, 10).answer(slow.servable, rows(1, 2, 3, 4, 5)))

    assert answer.ravel().tolist() == [1, 2, 3, 4, 5] and slow.sizes == [2, 2, 1]


def test_versions_are_not_mixed_in_a_batch():
    old, new = Slow("1"), Slow("2")

    async def ask():
        batcher = Batcher(8, 100)
        tasks = await begun(batcher, old.servable, rows(1), rows(2))
        tasks += await begun(batcher, new.servable, rows(3))
        old.may_go_on.set()
        new.may_go_on.set()
        return await asyncio.gather(*tasks)

    run(ask())

    assert (old.sizes, new.sizes) == ([2], [1])


def test_beyond_what_is_held_it_is_refused_until_there_is_room():
    slow = Slow()

    async def ask():
        batcher = Batcher(1, 3)
        with pytest.raises(Refused, match="at most 3 examples, got 4"):
            await batcher.answer(slow.servable, rows(1, 2, 3, 4))
        tasks = await begun(batcher, slow.servable, rows(1), rows(2, 3))
        with pytest.raises(Overloaded, match="3 examples are being answered, 3 at most"):
            await batcher.answer(slow.servable, rows(4))
        slow.may_go_on.set()
        await asyncio.gather(*tasks)
        return await batcher.answer(slow.servable, rows(4))

    assert run(ask()).tolist() == [[4]]


def test_a_model_that_fails_fails_those_who_asked_and_nobody_after_them():
    slow = Slow()
    slow.may_go_on.set()

    async def ask():
        batcher = Batcher(4, 100)
        with pytest.raises(ValueError, match="must match"):
            await asyncio.gather(*await begun(batcher, slow.servable, rows(1), rows(2), np.zeros((1, 2), np.float32)))
        return await batcher.answer(slow.servable, rows(4))

    assert run(ask()).tolist() == [[4]]
