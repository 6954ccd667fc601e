"""`kill -9` at any moment: what was acknowledged is there afterwards; a full disk: refused, readable,
recovered.
"""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.client import Resource
from autostack.pocket.errors import ApiError
from autostack.pocket.store.errors import BrokenError
from autostack.pocket.store.journal import Row
from autostack.pocket.store.sqlite import SqliteJournal

CONFIG_MAPS = Resource("", "v1", "configmaps")
# Writes for ever, and prints each name only after the write was acknowledged.
WRITER = """
import asyncio, sys
from pathlib import Path
from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.client import Resource
from autostack.pocket.store.sqlite import SqliteJournal

MAPS = Resource("", "v1", "configmaps")

async def write(client, run, lane):
    number = 0
    while True:
        name = f"r{run}-l{lane}-n{number}"
        await client.create(MAPS, {"metadata": {"name": name}, "data": {"text": "x" * 200}}, "default")
        print(name, flush=True)
        if number % 3 == 2:
            await client.delete(MAPS, f"r{run}-l{lane}-n{number - 1}", "default")
            print("-" + f"r{run}-l{lane}-n{number - 1}", flush=True)
        number += 1

async def main():
    server = await ApiServer.open(SqliteJournal(Path(sys.argv[1])))
    client = server.client()
    await asyncio.gather(*(write(client, sys.argv[2], lane) for lane in range(8)))

asyncio.run(main())
"""


def write_and_kill(database: Path, run: int, lines: int) -> list[str]:
    """Let the writer acknowledge some writes, kill it, and return all that it acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(database), str(run)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
    process.wait()
    process.stdout.close()
    return acknowledged


async def test_nothing_acknowledged_is_lost_over_many_kills(tmp_path: Path) -> None:
    database = tmp_path / "store.db"
    present: set[str] = set()
    maybe_gone: set[str] = set()
    for run in range(5):
        for line in await asyncio.to_thread(write_and_kill, database, run, random.randint(5, 120)):
            if line.startswith("-"):
                present.discard(line[1:])
            else:
                present.add(line)
        server = await ApiServer.open(SqliteJournal(database))
        stored = {o["metadata"]["name"] for o in (await server.client().list(CONFIG_MAPS, "default")).items}
        await server.close()
        missing = present - stored
        # the kill can fall between a deletion's commit and its acknowledgement: then only the deletion is
        # unacknowledged
        deletable = {name for name in missing if int(name.rsplit("n", 1)[1]) % 3 == 1}
        assert missing <= deletable
        assert len(missing) <= 8
        present -= missing
        maybe_gone |= missing
    assert present


async def test_watches_from_before_a_restart_resume_or_get_410(tmp_path: Path) -> None:
    server = await ApiServer.open(SqliteJournal(tmp_path / "store.db"))
    client = server.client()
    first = await client.create(CONFIG_MAPS, {"metadata": {"name": "a"}}, "default")
    last = await client.create(CONFIG_MAPS, {"metadata": {"name": "b"}}, "default")
    await server.close()
    server = await ApiServer.open(SqliteJournal(tmp_path / "store.db"))
    client = server.client()
    compacted = client.watch(CONFIG_MAPS, "default", resource_version=first["metadata"]["resourceVersion"])
    with pytest.raises(ApiError) as caught:
        await anext(compacted)
    assert caught.value.code == 410
    resumed = client.watch(CONFIG_MAPS, "default", resource_version=last["metadata"]["resourceVersion"])
    following = asyncio.ensure_future(anext(resumed))
    await client.create(CONFIG_MAPS, {"metadata": {"name": "c"}}, "default")
    assert (await following).object["metadata"]["name"] == "c"
    await resumed.aclose()
    await server.close()


async def test_a_database_that_cannot_grow_refuses_writes_and_recovers(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "store.db")
    server = await ApiServer.open(journal)
    client = server.client()
    await client.create(CONFIG_MAPS, {"metadata": {"name": "before"}}, "default")
    connection = journal._connection
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    big = {"metadata": {"name": "big"}, "data": {"text": "x" * 400_000}}
    with pytest.raises(ApiError) as caught:
        await client.create(CONFIG_MAPS, big, "default")
    assert (caught.value.code, caught.value.reason) == (500, "InternalError")
    assert "full" in caught.value.message
    assert (await client.get(CONFIG_MAPS, "before", "default"))["metadata"]["name"] == "before"
    connection.execute("PRAGMA max_page_count = 1000000")
    await client.create(CONFIG_MAPS, big, "default")
    await server.close()


class LostJournal(SqliteJournal):
    """Fails, once told to, in a way that is not the disk's."""

    broken = False

    def append(self, batch: list[Row]) -> None:
        if self.broken:
            raise MemoryError
        super().append(batch)


async def test_a_server_whose_store_has_failed_says_so_and_refuses_writes(tmp_path: Path) -> None:
    journal = LostJournal(tmp_path / "store.db")
    server = await ApiServer.open(journal)
    failing = asyncio.create_task(server.failed())
    journal.broken = True
    async with asyncio.timeout(30):
        with pytest.raises(ApiError) as refused:
            await server.client().create(CONFIG_MAPS, {"metadata": {"name": "lost"}}, "default")
        assert refused.value.code == 500
        with pytest.raises(BrokenError):
            await failing
        await server.close()
