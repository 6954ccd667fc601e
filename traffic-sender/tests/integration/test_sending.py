"""The engine against real sockets: what is acknowledged was stored, whatever the workers do."""

from __future__ import annotations

import asyncio
import gc
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import UUID

import pytest
from harness.scripted_worker import Call, ScriptedWorker
from harness.waiting import eventually
from service_kit.problem_id import decode_position
from traffic_sender.balancing import Address
from traffic_sender.engine import Engine, Plan
from traffic_sender.flight import Flight, Limits
from traffic_sender.ledger import acknowledged_in
from traffic_sender.ledger_file import Figures, read_ledger
from traffic_sender.problems import DEFAULT_WEIGHTS, Mix
from traffic_sender.profiles import Constant
from traffic_sender.target import parse_target

PATIENT = Limits(deadline_s=120, attempt_timeout_s=60, most_in_flight=50_000)
"""On a machine that is busy with other tests nothing is given up, only later."""

Workers = Callable[..., Awaitable[ScriptedWorker]]


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    """Starts workers that are gone after the test."""
    started: list[ScriptedWorker] = []

    async def start(worker: ScriptedWorker | None = None) -> ScriptedWorker:
        started.append(await (worker or ScriptedWorker()).start())
        return started[-1]

    yield start
    for worker in started:
        await worker.stop()


def plan(
    worker: ScriptedWorker,
    *,
    tps: float,
    duration_s: float,
    limits: Limits | None = None,
    ledger_dir: Path | None = None,
) -> Plan:
    return Plan(
        target=parse_target(worker.url),
        profile=Constant(tps=tps),
        mix=Mix(1, DEFAULT_WEIGHTS),
        limits=limits or PATIENT,
        duration_s=duration_s,
        ledger_dir=ledger_dir,
    )


async def run(asked: Plan) -> tuple[Engine, Figures]:
    """A whole run; the figures at its end."""
    engine = Engine(asked)
    await engine.start()
    async with asyncio.timeout(90):
        await engine.arrived.wait()
    return engine, await engine.stop(within_s=asked.limits.deadline_s)


def audit(engine: Engine, *workers: ScriptedWorker) -> None:
    """Acknowledged ⊆ stored, and the accounts add up."""
    figures = engine.figures()
    assert figures.issued == figures.acknowledged + figures.rejected + figures.given_up + figures.in_flight
    stored = {decode_position(UUID(stored_id)).sequence for worker in workers for stored_id in worker.stored}
    acknowledged = acknowledged_in(engine.ledger.bitmap())
    assert len(acknowledged) == figures.acknowledged
    assert set(acknowledged) <= stored


async def test_exactly_what_the_schedule_says_is_issued_and_acknowledged(workers: Workers) -> None:
    worker = await workers()
    engine, figures = await run(plan(worker, tps=2000, duration_s=2))
    assert figures.issued == 4000
    assert figures.acknowledged == 4000
    assert len(set(worker.stored)) == 4000
    audit(engine, worker)


async def test_a_slow_worker_does_not_close_the_loop(workers: Workers) -> None:
    release = asyncio.Event()

    async def hang(worker: ScriptedWorker, call: Call) -> None:
        await release.wait()

    worker = await workers(ScriptedWorker(hang))
    limits = Limits(deadline_s=1.5, most_in_flight=300, most_per_worker=50)
    engine, figures = await run(plan(worker, tps=1000, duration_s=1, limits=limits))
    release.set()
    assert figures.issued == 1000
    assert figures.acknowledged == 0
    assert figures.given_up_by_reason["overload"] == 700
    assert figures.given_up_by_reason["deadline"] == 300
    assert worker.calls <= 50 * 2
    audit(engine, worker)
    gc.collect()
    assert not any(isinstance(thing, Flight) for thing in gc.get_objects())  # nothing given up is kept


async def test_a_server_that_closes_connections_at_the_worst_moment_costs_nothing(workers: Workers) -> None:
    async def worst(worker: ScriptedWorker, call: Call) -> None:
        turn = call.number % 11
        if turn in {0, 1, 2, 3}:  # stored, and the answer is lost at some byte of it
            worker.stored.append(call.body["id"])
            call.acknowledge(cut=(0, 1, 40, 130)[turn])
            call.close()
        elif turn == 4:  # answered, and then closed without a word, so that the next request meets it
            worker.stored.append(call.body["id"])
            call.acknowledge()
            call.close()
        elif turn == 5:
            worker.stored.append(call.body["id"])
            call.acknowledge(headers="Connection: close\r\n")
            call.close()
        else:
            worker.stored.append(call.body["id"])
            call.acknowledge()

    worker = await workers(ScriptedWorker(worst))
    engine, figures = await run(plan(worker, tps=100, duration_s=1))
    assert figures.acknowledged == 100
    assert engine.records.attempts["cut"] > 0
    audit(engine, worker)


async def test_a_worker_killed_in_the_middle_is_ejected_and_readmitted(workers: Workers) -> None:
    first, second = await workers(), await workers()
    engine = Engine(plan(first, tps=400, duration_s=math.inf))
    await engine.start()
    engine.dispatch.set_addresses([Address(first.host, first.port), Address(second.host, second.port)])

    async def both_asked() -> bool:
        return first.calls > 50 and second.calls > 50

    await eventually(both_asked, what="both workers asked")
    await second.stop()

    async def ejected() -> bool:
        return engine.workers()[0] == 1

    await eventually(ejected, what="the killed worker ejected")
    asked_before = second.calls
    await second.start()

    async def readmitted() -> bool:
        return second.calls > asked_before + 50

    await eventually(readmitted, what="the worker readmitted")
    figures = await engine.stop(within_s=PATIENT.deadline_s)
    assert figures.given_up == 0
    assert figures.acknowledged == figures.issued
    audit(engine, first, second)


async def test_an_address_that_appears_takes_its_share_and_one_that_goes_gets_nothing(
    workers: Workers,
) -> None:
    first, second = await workers(), await workers()
    engine = Engine(plan(first, tps=300, duration_s=math.inf))
    await engine.start()

    async def asked() -> bool:
        return first.calls > 20

    await eventually(asked)
    engine.dispatch.set_addresses([Address(second.host, second.port)])
    calls, under_way = first.calls, engine.ledger.in_flight

    async def moved() -> bool:
        return second.calls > 100

    await eventually(moved)
    figures = await engine.stop(within_s=PATIENT.deadline_s)
    assert first.calls - calls <= under_way  # may finish where it is; nothing new comes
    assert figures.acknowledged == figures.issued
    audit(engine, first, second)


async def test_retry_after_is_honoured_by_each_problem(workers: Workers) -> None:
    loop = asyncio.get_running_loop()
    moments: dict[str, list[float]] = {}

    async def busy_once(worker: ScriptedWorker, call: Call) -> None:
        seen = moments.setdefault(call.body["id"], [])
        seen.append(loop.time())
        if len(seen) == 1:
            call.respond(503, b"{}", media="application/problem+json", headers="Retry-After: 1\r\n")
        else:
            worker.stored.append(call.body["id"])
            call.acknowledge()

    worker = await workers(ScriptedWorker(busy_once))
    engine, figures = await run(plan(worker, tps=20, duration_s=0.5))
    assert figures.acknowledged == 10
    assert all(len(seen) == 2 and seen[1] - seen[0] >= 1 for seen in moments.values())
    audit(engine, worker)


@pytest.mark.parametrize(
    ("status", "media", "outcome"),
    [
        (422, "application/problem+json", "rejected"),
        (409, "application/problem+json; charset=utf-8", "rejected"),
        (404, "text/html", "deadline"),
        (500, "application/problem+json", "deadline"),
        (302, "text/html", "unexpected"),
        (200, "application/json", "deadline"),  # an answer to another problem
    ],
)
async def test_only_the_worker_s_word_ends_a_problem(
    workers: Workers, status: int, media: str, outcome: str
) -> None:
    async def answer(worker: ScriptedWorker, call: Call) -> None:
        call.respond(status, b'{"id": "00000000-0000-8000-8000-000000000000", "status": "ok"}', media=media)

    worker = await workers(ScriptedWorker(answer))
    engine, figures = await run(plan(worker, tps=20, duration_s=0.5, limits=Limits(deadline_s=0.6)))
    ends = Counter({"rejected": figures.rejected, **figures.given_up_by_reason})
    assert +ends == {outcome: 10}
    assert figures.acknowledged == 0
    audit(engine, worker)


@pytest.mark.parametrize(
    "garbage",
    [b"\0\0\0", b"SSH-2.0\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 2_000_000],
)
async def test_what_is_not_http_is_given_up_not_believed(workers: Workers, garbage: bytes) -> None:
    async def babble(worker: ScriptedWorker, call: Call) -> None:
        call.writer.write(garbage)

    worker = await workers(ScriptedWorker(babble))
    limits = Limits(deadline_s=0.6, attempt_timeout_s=0.3)
    engine, figures = await run(plan(worker, tps=20, duration_s=0.2, limits=limits))
    assert figures.given_up_by_reason["deadline"] == figures.issued == 4
    assert engine.records.attempts["malformed"] > 0


async def test_interim_chunked_and_unframed_responses_are_understood(workers: Workers) -> None:
    async def odd(worker: ScriptedWorker, call: Call) -> None:
        worker.stored.append(call.body["id"])
        body = b'{"id":"%b","status":"undefined","result":"1/0"}' % call.body["id"].encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        if call.number % 3 == 0:
            call.writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            call.acknowledge()
        elif call.number % 3 == 1:
            call.writer.write(
                head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            )
        else:
            call.writer.write(head + b"Connection: close\r\n\r\n" + body)
            call.close()

    worker = await workers(ScriptedWorker(odd))
    engine, figures = await run(plan(worker, tps=60, duration_s=1))
    assert figures.acknowledged == 60
    assert {end for end, count in engine.records.attempts.items() if count} <= {"acknowledged", "stale"}
    audit(engine, worker)


async def test_stopping_finishes_what_is_in_flight_and_keeps_the_ledger(
    workers: Workers, tmp_path: Path
) -> None:
    async def slow(worker: ScriptedWorker, call: Call) -> None:
        await asyncio.sleep(0.3)
        worker.stored.append(call.body["id"])
        call.acknowledge()

    worker = await workers(ScriptedWorker(slow))
    engine = Engine(plan(worker, tps=100, duration_s=math.inf, ledger_dir=tmp_path))
    await engine.start()

    async def in_flight() -> bool:
        return engine.ledger.in_flight > 10 and engine.ledger.acknowledged > 10

    await eventually(in_flight)
    figures = await engine.stop(within_s=PATIENT.deadline_s)
    assert figures.final
    assert figures.in_flight == figures.given_up == 0
    assert (figures, engine.ledger.bitmap()) == read_ledger(tmp_path, figures.run)
    assert figures == await engine.stop(within_s=PATIENT.deadline_s)
    audit(engine, worker)


async def test_stopping_gives_up_what_does_not_end_in_time(workers: Workers) -> None:
    forever = asyncio.Event()

    async def hang(worker: ScriptedWorker, call: Call) -> None:
        await forever.wait()

    worker = await workers(ScriptedWorker(hang))
    engine = Engine(plan(worker, tps=100, duration_s=math.inf))
    await engine.start()

    async def asked() -> bool:
        return worker.calls > 5

    await eventually(asked)
    figures = await engine.stop(within_s=0.1)
    forever.set()
    assert figures.given_up_by_reason["shutdown"] == figures.issued > 5
    audit(engine, worker)


async def test_a_load_can_be_paused_and_resumed(workers: Workers) -> None:
    worker = await workers()
    engine = Engine(plan(worker, tps=0, duration_s=math.inf))
    await engine.start()
    assert engine.ledger.issued == 0
    loop = asyncio.get_running_loop()
    resumed_s = loop.time()
    engine.change_load(Constant(tps=500))

    async def acknowledged() -> bool:
        return engine.ledger.acknowledged > 50 and engine.acknowledged_tps() > 0

    await eventually(acknowledged)
    engine.change_load(Constant(tps=0))
    paused_s = loop.time()
    figures = await engine.stop(within_s=PATIENT.deadline_s)
    assert figures.issued <= 500 * (paused_s - resumed_s)
    audit(engine, worker)
