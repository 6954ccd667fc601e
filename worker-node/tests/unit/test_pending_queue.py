"""The queue is bounded with the batch in it, keeps an interrupted batch, and lets no row wait past its
deadline.
"""

import asyncio

import pytest
from service_kit.problem_id import fresh_id
from worker_node.errors import QueueFullError, StoreAwayError
from worker_node.solver import Answer
from worker_node.store.pending import PendingQueue, PendingRow


def row(deadline_s: float = 10) -> PendingRow:
    stored = asyncio.get_running_loop().create_future()
    return PendingRow(fresh_id(), "1", Answer("ok", "1"), received_s=0, deadline_s=deadline_s, stored=stored)


async def test_a_batch_in_flight_counts_against_the_limit() -> None:
    queue = PendingQueue(limit=3, batch_limit=2)
    for _ in range(3):
        queue.offer(row())
    assert len(queue.batch()) == 2
    assert queue.depth == 3
    with pytest.raises(QueueFullError, match="3 answers wait"):
        queue.offer(row())
    queue.settle()
    queue.offer(row())
    assert queue.depth == 2


async def test_an_interrupted_batch_comes_again_as_it_was() -> None:
    queue = PendingQueue(limit=10, batch_limit=2)
    rows = [row() for _ in range(3)]
    for item in rows:
        queue.offer(item)
    assert list(queue.batch()) == list(queue.batch()) == rows[:2]
    queue.settle()
    assert list(queue.batch()) == rows[2:]


async def test_the_event_says_whether_rows_wait() -> None:
    queue = PendingQueue(limit=10, batch_limit=1)
    queue.offer(row())
    queue.offer(row())
    queue.batch()
    assert queue.filled.is_set()
    queue.settle()
    queue.batch()
    assert not queue.filled.is_set()


async def test_rows_past_their_deadline_are_refused_wherever_they_are() -> None:
    queue = PendingQueue(limit=10, batch_limit=2)
    rows = [row(1), row(5), row(1), row(5)]
    for item in rows:
        queue.offer(item)
    queue.batch()
    queue.expire(2, StoreAwayError("too late"))
    assert queue.depth == 2
    for item in (rows[0], rows[2]):
        with pytest.raises(StoreAwayError, match="too late"):
            await item.stored
    assert not rows[1].stored.done()
    assert list(queue.batch()) == [rows[1]]


async def test_a_request_that_went_away_disturbs_nobody() -> None:
    gone = row()
    gone.stored.cancel()
    gone.finish(None)
    gone.fail(StoreAwayError("too late"))
