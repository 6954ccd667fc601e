"""The three real services and a real PostgreSQL under attack: whatever is killed, an acknowledged answer is
stored, once, and right.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest
from harness.application_stack import ApplicationStack, Running
from harness.evaluation import is_right
from harness.postgres import PostgresServer
from harness.waiting import eventually
from service_kit.problem_id import decode_position, format_run
from traffic_sender.ledger import acknowledged_in
from traffic_sender.ledger_file import Figures, read_ledger
from traffic_sender.problems import DEFAULT_WEIGHTS, Mix

MIXED = {"UNDEFINED_SHARE": "0.05", "INVALID_SHARE": "0.05"}


@pytest.fixture
def stack(tmp_path: Path, own_postgres: PostgresServer) -> Iterator[ApplicationStack]:
    stack = ApplicationStack(tmp_path, own_postgres)
    stack.migrate()
    yield stack
    stack.remove()


async def acknowledged(sender: Running) -> int:
    async with httpx.AsyncClient() as client:
        return int((await client.get(f"{sender.url}/ledger", timeout=10)).json()["acknowledged"])


async def wait_for_progress(sender: Running, *, more: int) -> None:
    """So many further acknowledgements."""
    begin = await acknowledged(sender)

    async def progressed() -> bool:
        return await acknowledged(sender) >= begin + more

    await eventually(progressed, within_s=60, what=f"{more} more acknowledged")


async def end(sender: Running, stack: ApplicationStack) -> tuple[Figures, bytes]:
    """Stop the sender in order; its final ledger."""
    async with httpx.AsyncClient() as client:
        run = (await client.get(f"{sender.url}/ledger")).json()["run"]
    sender.send(signal.SIGTERM)
    assert sender.ended() == 0
    return read_ledger(stack.ledger_dir, run)


async def audit(stack: ApplicationStack, figures: Figures, bitmap: bytes) -> None:
    """Acknowledged ⊆ stored, nothing twice, every answer right, nothing that was not sent."""
    connection = await asyncpg.connect(stack.postgres.dsn())
    rows = await connection.fetch("SELECT id, expression, status, result FROM results")
    counted = await connection.fetchval("SELECT coalesce(sum(answers), 0) FROM result_minutes")
    await connection.close()
    sequences = []
    mix, draw = Mix(figures.seed, DEFAULT_WEIGHTS, 0.05, 0.05), random.Random()
    for row in rows:
        position = decode_position(UUID(str(row["id"])))
        assert format_run(position.run) == figures.run
        sequences.append(position.sequence)
        sent = mix.problem(position.sequence, draw)
        assert row["expression"] == sent.expression
        assert row["status"] == sent.expectation
        assert is_right(row["expression"], row["status"], row["result"]), dict(row)
    known = acknowledged_in(bitmap)
    assert len(known) == figures.acknowledged > 0
    assert set(known) <= set(sequences)
    assert len(sequences) == len(set(sequences)) == counted
    assert max(sequences) < figures.issued
    assert figures.issued == figures.acknowledged + figures.rejected + figures.given_up + figures.in_flight


async def test_a_worker_killed_under_load_loses_nothing(stack: ApplicationStack) -> None:
    stack.start_worker()
    victim = stack.start_worker()
    sender = stack.start_sender(tps=200, **MIXED)
    for _ in range(2):
        await wait_for_progress(sender, more=150)
        victim.send(signal.SIGKILL)
        victim.ended()
        await wait_for_progress(sender, more=150)
        host = victim.url.split("/")[2].split(":")[0]
        victim = stack.start_worker(host=host)
    await wait_for_progress(sender, more=150)
    figures, bitmap = await end(sender, stack)
    assert figures.given_up == 0
    assert figures.rejected > 0
    await audit(stack, figures, bitmap)


async def test_a_worker_that_leaves_the_name_and_a_new_one_share_the_load(stack: ApplicationStack) -> None:
    old = stack.start_worker()
    sender = stack.start_sender(tps=100, **MIXED)
    await wait_for_progress(sender, more=50)
    stack.start_worker()
    stack.forget_worker(old.url.split("/")[2].split(":")[0])
    old.send(signal.SIGTERM)
    assert old.ended() == 0
    await wait_for_progress(sender, more=150)
    figures, bitmap = await end(sender, stack)
    assert figures.given_up == 0
    await audit(stack, figures, bitmap)


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_a_database_restarted_under_load_loses_nothing(stack: ApplicationStack, how: str) -> None:
    stack.start_worker()
    stack.start_worker()
    sender = stack.start_sender(tps=150, **MIXED)
    for _ in range(2):
        await wait_for_progress(sender, more=100)
        if how == "killed":
            stack.postgres.kill()
        else:
            stack.postgres.stop()
        stack.postgres.start()
        await wait_for_progress(sender, more=100)
    figures, bitmap = await end(sender, stack)
    assert figures.given_up == 0
    await audit(stack, figures, bitmap)


async def test_everything_stopped_at_once_ends_in_order_and_loses_nothing(stack: ApplicationStack) -> None:
    workers = [stack.start_worker(), stack.start_worker()]
    results = stack.start_results()
    sender = stack.start_sender(tps=200, **MIXED)
    await wait_for_progress(sender, more=200)
    async with httpx.AsyncClient() as client:
        run = (await client.get(f"{sender.url}/ledger")).json()["run"]
        export = await client.get(
            f"{results.url}/api/v1/results/export", params={"format": "ndjson", "run": run}, timeout=30
        )
    assert export.status_code == 200
    assert len(export.text.splitlines()) >= 100
    for running in (*workers, results, sender):
        running.send(signal.SIGTERM)
    for running in (*workers, results, sender):
        assert running.ended() == 0, running.log.read_text()[-1500:]
    figures, bitmap = read_ledger(stack.ledger_dir, run)
    assert figures.final
    assert figures.in_flight == 0
    await audit(stack, figures, bitmap)


async def test_a_killed_sender_s_last_snapshot_claims_nothing_that_is_not_stored(
    stack: ApplicationStack,
) -> None:
    stack.start_worker()
    sender = stack.start_sender(tps=200, **MIXED)
    async with httpx.AsyncClient() as client:
        run = (await client.get(f"{sender.url}/ledger")).json()["run"]

    async def snapshot_came() -> bool:
        return read_ledger(stack.ledger_dir, run)[0].acknowledged > 200

    await eventually(snapshot_came, within_s=60, what="a snapshot with 200 acknowledged")
    sender.send(signal.SIGKILL)
    sender.ended()
    figures, bitmap = read_ledger(stack.ledger_dir, run)
    assert not figures.final
    connection = await asyncpg.connect(stack.postgres.dsn())
    stored = {
        decode_position(UUID(str(row["id"]))).sequence
        for row in await connection.fetch("SELECT id FROM results")
    }
    await connection.close()
    assert len(acknowledged_in(bitmap)) >= figures.acknowledged > 200
    assert set(acknowledged_in(bitmap)) <= stored
