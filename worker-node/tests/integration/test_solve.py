"""/solve over a socket and a real PostgreSQL: answers are stored as given, mistakes store nothing."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import asyncpg
import httpx
import pytest
from harness.stored_rows import ResultsDatabase
from service_kit.metrics import differences
from service_kit.problem_id import RunPosition, encode_position, fresh_id

if TYPE_CHECKING:
    from conftest import RunningWorker


async def rows(database: ResultsDatabase) -> list[asyncpg.Record]:
    connection = await database.connect()
    found = await connection.fetch("SELECT * FROM results ORDER BY id")
    await connection.close()
    return found


async def test_an_answer_is_stored_as_it_is_given(worker: RunningWorker, database: ResultsDatabase) -> None:
    response = await worker.solve("1/3 + 1")
    assert response.status_code == 200
    answer = response.json()
    (row,) = await rows(database)
    assert answer == {
        "id": str(row["id"]), "expression": "1/3 + 1", "status": "ok", "result": "4/3",
        "decimal": "1.33333333333333333333333333333", "worker": "worker-a", "version": "dev",
    }  # fmt: skip
    assert uuid.UUID(answer["id"]).version == 7
    assert (row["result"], row["worker"], row["version"], row["revision"]) == (
        "4/3",
        "worker-a",
        "dev",
        "unknown",
    )
    assert row["duration_us"] >= 0


async def test_undefined_is_an_answer_and_is_stored(worker: RunningWorker, database: ResultsDatabase) -> None:
    response = await worker.solve("1/0")
    assert response.status_code == 200
    assert (response.json()["status"], response.json()["result"]) == ("undefined", "division by zero")
    assert [row["status"] for row in await rows(database)] == ["undefined"]


async def test_a_repeated_id_gets_the_stored_answer(worker: RunningWorker, database: ResultsDatabase) -> None:
    problem_id = str(encode_position(RunPosition(time.time_ns() // 1_000_000, 7, 1)))
    first = await worker.solve("2**10", id=problem_id)
    second = await worker.solve("2**10", id=problem_id)
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert len(await rows(database)) == 1


async def test_the_same_id_with_another_expression_is_a_conflict(
    worker: RunningWorker, database: ResultsDatabase
) -> None:
    problem_id = str(fresh_id())
    await worker.solve("1 + 1", id=problem_id)
    response = await worker.solve("1+1", id=problem_id)
    assert response.status_code == 409
    assert response.json()["type"] == "urn:auto-stack:problem:id-conflict"
    assert response.json()["id"] == problem_id
    assert [row["expression"] for row in await rows(database)] == ["1 + 1"]


async def test_the_same_id_twice_in_one_flush_is_one_row(
    worker: RunningWorker, database: ResultsDatabase
) -> None:
    import asyncio

    problem_id = str(fresh_id())
    answers = await asyncio.gather(*(worker.solve("6 * 7", id=problem_id) for _ in range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20
    assert len({answer.text for answer in answers}) == 1
    assert len(await rows(database)) == 1


async def test_two_workers_agree_on_one_row_and_on_who_stored_it(
    worker: RunningWorker, writer_environment: dict[str, str], run_worker, database: ResultsDatabase
) -> None:
    from harness.waiting import eventually

    problem_id = str(fresh_id())
    first = await worker.solve("10 % 4", id=problem_id)
    async with run_worker(writer_environment, pod_name="worker-b") as other:
        await eventually(other.is_ready, what="worker ready")
        second = await other.solve("10 % 4", id=problem_id)
    assert second.json() == first.json()
    assert second.json()["worker"] == "worker-a"


BAD = {
    "a tower of powers": (b'{"expression": "9**9**9"}', 422, "limit-exceeded"),
    "a factorial out of reach": (b'{"expression": "factorial(10**9)"}', 422, "limit-exceeded"),
    "ten thousand parentheses": (b'{"expression": "' + b"(" * 10_000 + b'"}', 422, "limit-exceeded"),
    "a null byte": (b'{"expression": "1\\u0000"}', 422, "bad-expression"),
    "a raw null byte": (b'{"expression": "1\0"}', 400, "bad-json"),
    "emoji": ('{"expression": "😀"}'.encode(), 422, "bad-expression"),
    "half a surrogate pair": (b'{"expression": "\\ud83d"}', 400, "bad-json"),
    "not UTF-8": (b'{"expression": "\xff"}', 400, "bad-json"),
    "no JSON": (b"expression=1", 400, "bad-json"),
    "nothing": (b"", 400, "bad-json"),
    "a list": (b"[]", 422, "invalid-request"),
    "a million brackets": (b"[" * 16_000, 422, "invalid-request"),
    "deep in a member": (b'{"expression": ' + b"[" * 16_000 + b"}", 422, "invalid-request"),
    "no expression": (b"{}", 422, "invalid-request"),
    "a number for an expression": (b'{"expression": 7}', 422, "invalid-request"),
    "a member nobody knows": (b'{"expression": "1", "colour": "red"}', 422, "invalid-request"),
    "an id that is none": (b'{"expression": "1", "id": "7"}', 422, "invalid-request"),
    "an id of version 4": (
        b'{"expression": "1", "id": "4ce9a9a2-5d2b-4d6c-9a53-6c6f2f1f0000"}',
        422,
        "bad-id",
    ),
    "an id of the past": (
        b'{"expression": "1", "id": "00000000-0000-7000-8000-000000000000"}',
        422,
        "id-out-of-range",
    ),
    "an id of the far future": (
        b'{"expression": "1", "id": "ffffffff-ffff-7fff-bfff-ffffffffffff"}',
        422,
        "id-out-of-range",
    ),
    "ten megabytes": (b'{"expression": "' + b"1+" * 5_000_000 + b'1"}', 413, "body-too-large"),
}

NAMES_LIMIT = {"limit-exceeded", "body-too-large"}
NAMES_POSITION = {*NAMES_LIMIT, "bad-expression"}


async def test_bad_input_is_refused_by_a_document_and_stores_nothing(
    worker: RunningWorker, database: ResultsDatabase, subtests: pytest.Subtests
) -> None:
    for name, (body, status, kind) in BAD.items():
        with subtests.test(name):
            response = await worker.client.post(
                "/solve", content=body, headers={"content-type": "application/json"}
            )
            assert response.status_code == status
            assert response.headers["content-type"] == "application/problem+json"
            document = response.json()
            assert document["type"] == f"urn:auto-stack:problem:{kind}"
            if kind in NAMES_POSITION:
                assert str(document["position"]) in document["detail"]
            if kind in NAMES_LIMIT:
                assert document["allowed"] > 0
                assert document["limit"]
    assert await rows(database) == []
    assert (await worker.solve("1 + 1")).status_code == 200


async def test_another_content_type_is_refused(worker: RunningWorker) -> None:
    response = await worker.client.post(
        "/solve", content=b"expression=1", headers={"content-type": "text/plain"}
    )
    assert response.status_code == 415


async def test_what_is_exposed_is_what_is_declared(worker: RunningWorker) -> None:
    await worker.solve("1")
    await worker.solve("1 +")
    exposition = (await worker.client.get("/metrics")).text
    assert differences(worker.service.metrics.declared.values(), exposition) == []


async def test_the_metrics_that_dashboards_rely_on_have_their_names(worker: RunningWorker) -> None:
    declared = worker.service.metrics.declared
    pinned = {
        "worker_calculation_duration_seconds": "histogram",
        "worker_queue_depth": "gauge",
        "worker_store_flush_seconds": "histogram",
        "http_requests_total": "counter",
        "http_request_duration_seconds": "histogram",
        "build_info": "gauge",
    }
    assert {name: declared[name].type for name in pinned} == pinned


async def test_faults_are_set_per_pod_and_show_in_metrics(worker: RunningWorker) -> None:
    await worker.client.put("/faults", json={"error_rate": 1})
    response = await worker.solve("1")
    assert response.status_code == 500
    assert response.json()["type"] == "urn:auto-stack:problem:injected-fault"
    metrics = (await worker.client.get("/metrics")).text
    assert 'worker_fault_setting{fault="error_rate"} 1.0' in metrics
    assert 'worker_faults_total{fault="error"} 1.0' in metrics
    await worker.client.put("/faults", json={})
    assert (await worker.solve("1")).status_code == 200


async def test_requests_hang_until_the_fault_ends(worker: RunningWorker) -> None:
    import asyncio

    from harness.waiting import eventually

    await worker.client.put("/faults", json={"hang": True})
    request = asyncio.create_task(worker.solve("2 + 2"))

    async def hangs() -> bool:
        return 'worker_faults_total{fault="hang"} 1.0' in (await worker.client.get("/metrics")).text

    await eventually(hangs, what="hanging request")
    assert not request.done()
    await worker.client.put("/faults", json={"hang": False})
    assert (await request).json()["result"] == "4"


async def test_without_the_switch_there_are_no_faults(writer_environment: dict[str, str], run_worker) -> None:
    async with run_worker(writer_environment) as plain:
        assert (await plain.client.get("/faults")).status_code == 404
        assert (await plain.client.post("/faults/crash")).status_code == 404
        assert "/faults" not in (await plain.client.get("/openapi.json")).json()["paths"]


async def test_a_request_cut_off_halfway_is_no_trouble(worker: RunningWorker) -> None:
    import asyncio

    host, port = worker.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /solve HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    await writer.drain()
    writer.transport.abort()
    assert (await worker.solve("1 + 1")).status_code == 200


async def test_openapi_documents_solve(worker: RunningWorker) -> None:
    document = (await worker.client.get("/openapi.json")).json()
    operation = document["paths"]["/solve"]["post"]
    assert {"200", "400", "409", "413", "415", "422", "503"} <= operation["responses"].keys()
    assert httpx.URL(operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]).fragment
