"""Lists and watches on the wire: paging, WatchList, bookmarks, tables, 410, both groups of Events."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from harness.pocket_api import HttpsCluster, kubectl_program

from autostack.pocket.client import Resource

CONFIG_MAPS = Resource("", "v1", "configmaps")
MAPS = "/api/v1/namespaces/default/configmaps"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.fixture
async def session(pocket_https: HttpsCluster) -> AsyncIterator[aiohttp.ClientSession]:
    """An administrator's HTTPS session."""
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=pocket_https.ca), limit=0)
    headers = {"Authorization": f"Bearer {pocket_https.token}"}
    async with aiohttp.ClientSession(pocket_https.url, connector=connector, headers=headers) as opened:
        yield opened


async def get(session: aiohttp.ClientSession, path: str, **headers: str) -> Any:
    async with session.get(path, headers=headers) as answer:
        return await answer.json(content_type=None)


async def lines(session: aiohttp.ClientSession, path: str, count: int, **headers: str) -> list[Any]:
    """The first events of a watch."""
    async with asyncio.timeout(20), session.get(path, headers=headers) as answer:
        return [json.loads(await answer.content.readline()) for _ in range(count)]


async def make(cluster: HttpsCluster, *names: str) -> None:
    for name in names:
        await cluster.server.client().create(CONFIG_MAPS, {"metadata": {"name": name}}, "default")


async def test_pages_cover_the_list_and_a_watch_goes_on_from_the_first(
    pocket_https: HttpsCluster, session: aiohttp.ClientSession
) -> None:
    await make(pocket_https, *(f"c{n}" for n in range(7)))
    page = await get(session, f"{MAPS}?limit=3")
    assert page["metadata"]["remainingItemCount"] == 5
    names = [item["metadata"]["name"] for item in page["items"]]
    await make(pocket_https, "a-late-one")
    token, first = page["metadata"]["continue"], page["metadata"]["resourceVersion"]
    while token:
        page = await get(session, f"{MAPS}?limit=3&continue={token}")
        names += [item["metadata"]["name"] for item in page["items"]]
        assert page["metadata"]["resourceVersion"] == first
        token = page["metadata"].get("continue")
    assert names == [*(f"c{n}" for n in range(7)), "kube-root-ca.crt"]
    (event,) = await lines(session, f"{MAPS}?watch=1&resourceVersion={first}", 1)
    assert event["object"]["metadata"]["name"] == "a-late-one"
    assert (await get(session, f"{MAPS}?continue=nonsense"))["code"] == 400


async def test_a_watch_list_begins_with_everything_and_says_when_it_has(
    pocket_https: HttpsCluster, session: aiohttp.ClientSession
) -> None:
    await make(pocket_https, "one", "two")
    query = "watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    async with asyncio.timeout(20), session.get(f"{MAPS}?{query}") as answer:
        events = [json.loads(await answer.content.readline()) for _ in range(4)]
        await make(pocket_https, "three")
        events.append(json.loads(await answer.content.readline()))
    assert [event["type"] for event in events] == ["ADDED", "ADDED", "ADDED", "BOOKMARK", "ADDED"]
    assert events[3]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert events[4]["object"]["metadata"]["name"] == "three"
    assert (await get(session, f"{MAPS}?watch=1&sendInitialEvents=true"))["code"] == 422


async def test_a_quiet_watch_gets_a_bookmark_before_its_time_is_up(
    pocket_https: HttpsCluster, session: aiohttp.ClientSession
) -> None:
    start = pocket_https.server.core.store.revision
    await make(pocket_https, "c")
    query = f"watch=True&allowWatchBookmarks=true&resourceVersion={start}&timeoutSeconds=1"
    (event,) = await lines(session, f"/api/v1/namespaces/default/pods?{query}", 1)
    assert event["type"] == "BOOKMARK"
    assert int(event["object"]["metadata"]["resourceVersion"]) > start


async def test_a_compacted_version_ends_the_watch_with_410(
    pocket_https: HttpsCluster, session: aiohttp.ClientSession
) -> None:
    await make(pocket_https, "c")
    pocket_https.server.core.store.watchers.history.compact()
    (event,) = await lines(session, f"{MAPS}?watch=1&resourceVersion=1", 1)
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


async def test_tables_and_metadata_come_in_lists_and_watches(
    pocket_https: HttpsCluster, session: aiohttp.ClientSession
) -> None:
    await make(pocket_https, "c")
    table = await get(session, MAPS, Accept=TABLE)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert [row["cells"][0] for row in table["rows"]] == ["c", "kube-root-ca.crt"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    (event,) = await lines(session, f"{MAPS}?watch=1&fieldSelector=metadata.name%3Dc", 1, Accept=TABLE)
    assert event["object"]["rows"][0]["cells"][0] == "c"
    partial = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    listed = await get(session, MAPS, Accept=partial)
    assert set(listed["items"][0]) == {"kind", "apiVersion", "metadata"}


async def test_kubectl_get_watch_prints_rows_as_they_come(pocket_https: HttpsCluster) -> None:
    environment = {"KUBECONFIG": str(pocket_https.kubeconfig), "HOME": str(pocket_https.kubeconfig.parent)}
    process = await asyncio.create_subprocess_exec(
        kubectl_program(), "get", "configmaps", "-w", env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        await process.stdout.readline()
        await process.stdout.readline()
        await make(pocket_https, "late")
        assert (await process.stdout.readline()).startswith(b"late")
    process.terminate()
    await process.communicate()


async def test_both_groups_of_events_are_one(
    pocket_https: HttpsCluster, session: aiohttp.ClientSession
) -> None:
    event = {
        "metadata": {"name": "e", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
        "reason": "Tested",
        "note": "a note",
        "type": "Normal",
        "action": "Test",
        "reportingController": "test",
        "reportingInstance": "test-1",
    }
    path = "/apis/events.k8s.io/v1/namespaces/default/events"
    async with session.post(path, json=event) as answer:
        assert (answer.status, (await answer.json())["note"]) == (201, "a note")
    core = await get(session, "/api/v1/namespaces/default/events/e")
    assert (core["apiVersion"], core["message"], core["involvedObject"]["name"]) == ("v1", "a note", "p")
    assert "a note" in await pocket_https.ok("get", "events")
    assert "a note" in await pocket_https.ok("events")


async def test_two_hundred_watchers_of_one_object_are_all_told(
    pocket_https: HttpsCluster, session: aiohttp.ClientSession
) -> None:
    await make(pocket_https, "c")
    start = pocket_https.server.core.store.revision
    path = f"{MAPS}?watch=1&fieldSelector=metadata.name%3Dc&resourceVersion={start}"
    opened = 0
    all_open = asyncio.Event()

    async def one() -> str:
        nonlocal opened
        async with session.get(path) as answer:
            opened += 1
            if opened == 200:
                all_open.set()
            return str(json.loads(await answer.content.readline())["type"])

    watching = [asyncio.create_task(one()) for _ in range(200)]
    async with asyncio.timeout(120):
        await all_open.wait()
        await pocket_https.server.client().patch(CONFIG_MAPS, "c", {"data": {"a": "b"}}, "default")
        assert set(await asyncio.gather(*watching)) == {"MODIFIED"}
