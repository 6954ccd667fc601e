"""The store under attack: whatever happens to database, wire or worker, nothing acknowledged is lost or
doubled.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import asyncpg
from harness.postgres import PostgresServer
from harness.service_process import ServiceProcess
from harness.stored_rows import ResultsDatabase, create_results_database
from harness.waiting import eventually
from service_kit.problem_id import fresh_id

if TYPE_CHECKING:
    from conftest import CuttableWire, Offered, RunWorker


async def acknowledged(offered: Offered, count: int) -> None:
    """Wait until this many more problems are acknowledged."""
    target = len(offered.acknowledged) + count

    async def enough() -> bool:
        return len(offered.acknowledged) >= target

    await eventually(enough, within_s=60, what=f"{target} acknowledged")


async def test_restarts_of_the_database_in_the_middle_of_flushes_lose_and_double_nothing(
    own_postgres: PostgresServer, run_worker: RunWorker, offer
) -> None:
    database = await create_results_database(own_postgres)
    async with run_worker(database.writer_environment) as worker:
        offered = offer([worker.url])
        await eventually(worker.is_ready, what="worker ready")
        sending = asyncio.create_task(offered.send())
        for stop in (own_postgres.kill, own_postgres.stop, own_postgres.kill):
            await acknowledged(offered, 150)
            await asyncio.to_thread(stop)
            await asyncio.to_thread(own_postgres.start)
        await acknowledged(offered, 150)
        offered.stopping = True
        await sending
        exposition = worker.service.metrics.exposition().decode()
    (opened,) = re.findall(r"^worker_store_connections_total (\S+)$", exposition, re.MULTILINE)
    assert float(opened) >= 4  # one to begin with, and another after each of the three
    await offered.audit(database.owner_dsn)


async def test_a_wire_cut_again_and_again_loses_and_doubles_nothing(
    wire: CuttableWire, database: ResultsDatabase, run_worker: RunWorker, offer
) -> None:
    through = {**database.writer_environment, "PGHOST": wire.host, "PGPORT": str(wire.port)}
    async with run_worker(through) as worker:
        await eventually(worker.is_ready, what="worker ready")
        offered = offer([worker.url])
        sending = asyncio.create_task(offered.send())
        for _ in range(10):
            await acknowledged(offered, 30)
            wire.cut()
        await acknowledged(offered, 30)
        offered.stopping = True
        await sending
    await offered.audit(database.owner_dsn)


async def test_a_flush_whose_commit_is_never_heard_of_is_repeated_harmlessly(
    wire: CuttableWire, database: ResultsDatabase, run_worker: RunWorker
) -> None:
    through = {**database.writer_environment, "PGHOST": wire.host, "PGPORT": str(wire.port)}
    problem_id = str(fresh_id())
    async with run_worker(through) as worker:
        await eventually(worker.is_ready, what="worker ready")
        await worker.solve("1 + 1")  # so that the statement is prepared, which takes a reply
        wire.swallow_replies = True
        request = asyncio.create_task(worker.solve("40 + 2", id=problem_id))
        witness = await database.connect()

        async def committed() -> bool:
            return bool(await witness.fetchval("SELECT count(*) = 2 FROM results"))

        await eventually(committed, what="the commit that nobody hears of")
        assert not request.done()
        wire.swallow_replies = False
        wire.cut()
        response = await request
        assert response.status_code == 200
        assert response.json()["result"] == "42"
        assert await witness.fetchval("SELECT count(*) FROM results") == 2
        assert await witness.fetchval("SELECT sum(answers) FROM result_minutes") == 2
        await witness.close()


async def test_a_silent_wire_is_given_up_after_the_statement_timeout(
    wire: CuttableWire, database: ResultsDatabase, run_worker: RunWorker
) -> None:
    through = {**database.writer_environment, "PGHOST": wire.host, "PGPORT": str(wire.port)}
    async with run_worker(through, statement_timeout_ms=100, store_deadline_s=60) as worker:
        await eventually(worker.is_ready, what="worker ready")
        wire.swallow_replies = True
        request = asyncio.create_task(worker.solve("40 + 2"))
        await eventually(lambda: _away(worker), what="store away")
        wire.swallow_replies = False
        assert (await request).status_code == 200


async def test_a_server_s_farewell_before_its_end_costs_a_connection_and_no_answer(
    wire: CuttableWire, database: ResultsDatabase, run_worker: RunWorker
) -> None:
    """What a fast shutdown does to an idle connection: the reason comes first, the end a moment later."""
    through = {**database.writer_environment, "PGHOST": wire.host, "PGPORT": str(wire.port)}
    async with run_worker(through) as worker:
        await eventually(worker.is_ready, what="worker ready")
        assert (await worker.solve("1 + 1")).status_code == 200
        wire.hold_ends = True
        owner = await database.connect()
        ended = await owner.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE usename = 'autostack_writer' AND datname = current_database()"
        )
        await owner.close()
        assert ended == 1

        async def farewell_passed_on() -> bool:
            return wire.held_ends == 1

        await eventually(farewell_passed_on, what="the server's end of the connection")
        assert await worker.is_ready()  # a request to and fro, so the farewell has been read as well
        response = await worker.solve("40 + 2")
        assert response.status_code == 200
        assert response.json()["result"] == "42"
        metrics = (await worker.client.get("/metrics")).text
        assert "worker_store_connections_total 2.0" in metrics


async def _away(worker) -> bool:
    return not await worker.is_ready()


async def test_without_a_database_it_is_alive_unready_and_refuses_at_once(
    own_postgres: PostgresServer, run_worker: RunWorker
) -> None:
    database = await create_results_database(own_postgres)
    async with run_worker(database.writer_environment) as worker:
        await eventually(worker.is_ready, what="worker ready")
        await asyncio.to_thread(own_postgres.stop)
        await eventually(lambda: _away(worker), what="store away")
        assert (await worker.client.get("/healthz")).status_code == 200
        response = await worker.solve("1 + 1")
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert response.json()["type"] == "urn:auto-stack:problem:store-unavailable"
        await asyncio.to_thread(own_postgres.start)
        await eventually(worker.is_ready, what="worker ready again")
        assert (await worker.solve("1 + 1", id=response.json()["id"])).status_code == 200


async def test_a_request_that_cannot_be_stored_in_time_gets_503_with_its_id(
    own_postgres: PostgresServer, run_worker: RunWorker
) -> None:
    database = await create_results_database(own_postgres)
    blocker = await asyncpg.connect(database.owner_dsn)
    async with run_worker(
        database.writer_environment, statement_timeout_ms=100, store_deadline_s=0.5
    ) as worker:
        await eventually(worker.is_ready, what="worker ready")
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("LOCK TABLE results IN ACCESS EXCLUSIVE MODE")
        response = await worker.solve("1 + 1")
        assert response.status_code == 503
        assert response.json()["id"]
        await transaction.rollback()
        await blocker.close()
        await eventually(worker.is_ready, what="worker ready again")
        assert (await worker.solve("1 + 1", id=response.json()["id"])).status_code == 200


async def test_a_full_queue_sheds_load_and_serves_on(
    database: ResultsDatabase, run_worker: RunWorker
) -> None:
    blocker = await database.connect()
    async with run_worker(database.writer_environment, queue_limit=4, statement_timeout_ms=60_000) as worker:
        await eventually(worker.is_ready, what="worker ready")
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("LOCK TABLE results IN ACCESS EXCLUSIVE MODE")
        requests = [asyncio.create_task(worker.solve(f"{number} + 1")) for number in range(10)]

        async def shed() -> bool:
            return sum(request.done() for request in requests) == 6

        await eventually(shed, what="six requests shed")
        await transaction.rollback()
        responses = await asyncio.gather(*requests)
        await blocker.close()
    assert sorted(response.status_code for response in responses) == [200] * 4 + [503] * 6
    shed_kinds = {response.json()["type"] for response in responses if response.status_code == 503}
    assert shed_kinds == {"urn:auto-stack:problem:overloaded"}


async def test_rows_without_a_partition_are_refused_alone(
    database: ResultsDatabase, run_worker: RunWorker
) -> None:
    """A partition that retention dropped a moment ago, which the worker does not know of yet."""
    from service_kit.problem_id import RunPosition, encode_position
    from worker_node.partitions import HOUR_MS

    owner = await database.connect()
    async with run_worker(database.writer_environment) as worker:
        await eventually(worker.is_ready, what="worker ready")
        name, bound = await owner.fetchrow(
            "SELECT c.relname, extract(epoch FROM to_timestamp(right(c.relname, 10), 'YYYYMMDDHH24'))::bigint"
            " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE inhparent = 'results'::regclass ORDER BY 1 LIMIT 1"
        )
        await owner.execute(f'DROP TABLE "{name}"')
        lost = str(encode_position(RunPosition(bound * 1000 + HOUR_MS // 2, 1, 1)))
        await owner.execute("BEGIN; LOCK TABLE results IN ACCESS EXCLUSIVE MODE")
        good = [asyncio.create_task(worker.solve(f"{number} + 1")) for number in range(9)]
        bad = asyncio.create_task(worker.solve("7", id=lost))

        async def queued() -> bool:
            return "worker_queue_depth 10.0" in (await worker.client.get("/metrics")).text

        await eventually(queued, what="ten rows queued")
        await owner.execute("ROLLBACK")
        assert [(await request).status_code for request in good] == [200] * 9
        response = await bad
        assert response.status_code == 422
        assert response.json()["type"] == "urn:auto-stack:problem:id-out-of-range"
        assert (await worker.solve("7", id=lost)).status_code == 422
    await owner.close()


async def test_kill_9_of_a_worker_under_load_loses_and_doubles_nothing(
    database: ResultsDatabase, offer
) -> None:
    workers = await asyncio.gather(
        *(
            asyncio.to_thread(
                ServiceProcess.start, "worker_node", {**database.writer_environment, "POD_NAME": name}
            )
            for name in ("a", "b")
        )
    )
    offered = offer([worker.url for worker in workers])
    sending = asyncio.create_task(offered.send(16))
    await acknowledged(offered, 200)
    workers[0].process.kill()
    workers[0].process.wait()
    await acknowledged(offered, 200)
    offered.urls = [workers[1].url]
    offered.stopping = True
    await sending
    assert workers[1].stop() == 0
    assert offered.retries > 0
    await offered.audit(database.owner_dsn)


async def test_sigterm_under_load_answers_everything_accepted_and_exits_0(
    database: ResultsDatabase, offer
) -> None:
    workers = await asyncio.gather(
        *(
            asyncio.to_thread(
                ServiceProcess.start, "worker_node", {**database.writer_environment, "POD_NAME": name}
            )
            for name in ("a", "b")
        )
    )
    offered = offer([worker.url for worker in workers])
    sending = asyncio.create_task(offered.send(16))
    await acknowledged(offered, 200)
    workers[0].process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(workers[0].process.wait, 30) == 0
    offered.urls = [workers[1].url]
    await acknowledged(offered, 50)
    offered.stopping = True
    await sending
    assert workers[1].stop() == 0
    await offered.audit(database.owner_dsn)


def test_a_crash_that_was_asked_for_is_a_crash(postgres_server: PostgresServer) -> None:
    import httpx

    database = asyncio.run(create_results_database(postgres_server))
    worker = ServiceProcess.start("worker_node", {**database.writer_environment, "FAULT_INJECTION": "1"})
    assert httpx.post(f"{worker.url}/faults/crash").status_code == 202
    assert worker.process.wait(timeout=30) == -signal.SIGKILL
    asyncio.run(database.drop())


def test_a_missing_password_stops_the_start() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "worker_node"],
        env={**os.environ, "PGHOST": "127.0.0.1", "PGUSER": "x", "PGDATABASE": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "worker-node: PGPASSWORD is missing (password of that role)\n"
