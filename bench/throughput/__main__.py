"""Durable answers per second: our worker beside the textbook one and pgbench, on the same PostgreSQL.

Every stage runs against one server with fsync and synchronous_commit on, and is checked afterwards: each
acknowledged answer must be a row. A figure of a stage that lost a row is not printed; the run fails.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import secrets
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import uvloop
from harness.postgres import PostgresServer
from load import Outcome, closed_loop, open_loop
from profiles import read_profile
from servers import pgbench_per_second, running

CONNECTIONS = 128
OPEN_LOOP_TPS = 2_000
WRITER_PASSWORD = secrets.token_hex(16)
PGBENCH_TABLE = """
CREATE TABLE pgbench_results (
    id uuid PRIMARY KEY, expression text NOT NULL, status text NOT NULL, result text NOT NULL, decimal text,
    worker text NOT NULL, version text NOT NULL, revision text NOT NULL, duration_us bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True)
class Bench:
    """Where and for how long to measure."""

    postgres: PostgresServer
    warm_s: float
    measure_s: float

    def stage(self, urls: list[str], table: str, *, per_second: int | None = None) -> Outcome:
        """Load the servers; fails when an acknowledged answer is not in the table."""
        before = self._rows(table)
        gc.freeze()  # the client's own pauses are not the server's latency
        times = {"warm_s": self.warm_s, "measure_s": self.measure_s}
        loading = (
            closed_loop(urls, connections=CONNECTIONS, **times)
            if per_second is None
            else open_loop(urls, per_second=per_second, connections=CONNECTIONS, **times)
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            outcome = runner.run(loading)
        stored = self._rows(table) - before
        if stored < outcome.acknowledged:
            raise SystemExit(
                f"{outcome.acknowledged} answers were acknowledged, {stored} rows are in {table}"
            )
        if not outcome.acknowledged or outcome.refused:
            raise SystemExit(f"{outcome.acknowledged} answers were acknowledged, {outcome.refused} refused")
        return outcome

    def _rows(self, table: str) -> int:
        async def count() -> int:
            connection = await asyncpg.connect(self.postgres.dsn())
            rows: int = await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - our own names
            await connection.close()
            return rows

        return asyncio.run(count())


def measure(bench: Bench, *, say: bool) -> dict[str, float]:
    """All stages, in the order in which they are told."""
    figures: dict[str, float] = {}

    def tell(key: str, value: float) -> None:
        figures[key] = round(value, 3)
        if say:
            print(f"{key:28} {value:12,.3f}", flush=True)

    postgres = bench.postgres
    with tempfile.TemporaryDirectory() as folder:
        tell("pgbench_per_second", pgbench_per_second(postgres, seconds=bench.measure_s, folder=Path(folder)))
    reference = str(Path(__file__).parent / "reference.py")
    with running([reference], postgres.environment()) as servers:
        textbook = bench.stage([server.url for server in servers], "reference_results")
    tell("reference_per_second", textbook.per_second)

    writer = postgres.environment(user="autostack_writer", password=WRITER_PASSWORD)
    with running(["-m", "worker_node"], writer) as servers:
        cpu_before = servers[0].cpu_seconds()
        ours = bench.stage([servers[0].url], "results")
        cpu_s = servers[0].cpu_seconds() - cpu_before
        answers = ours.per_second * (bench.warm_s + bench.measure_s)
        tell("worker_per_second", ours.per_second)
        tell("ratio", ours.per_second / textbook.per_second)
        tell("cpu_seconds_per_1000", cpu_s / answers * 1000)
        steady = bench.stage([servers[0].url], "results", per_second=OPEN_LOOP_TPS)
        tell("p99_ms_at_2000_tps", steady.percentile_ms(0.99))
        tell("p50_ms_at_2000_tps", steady.percentile_ms(0.5))
        tell("achieved_at_2000_tps", steady.per_second)
        tell("rss_mb", servers[0].rss_mb())
    best, processes = ours.per_second, 1
    with running(["-m", "worker_node"], writer, count=2) as servers:
        two = bench.stage([server.url for server in servers], "results")
    tell("two_workers_per_second", two.per_second)
    if two.per_second > best:
        best, processes = two.per_second, 2
    tell("best_per_second", best)
    tell("best_processes", processes)
    return figures


def profile(bench: Bench) -> str:
    """Where one worker's time goes under the closed loop."""
    writer = bench.postgres.environment(user="autostack_writer", password=WRITER_PASSWORD)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "worker.profile"
        script = str(Path(__file__).parent / "profiled.py")
        with running([script], {**writer, "PROFILE_TO": str(file)}) as servers:
            outcome = bench.stage([servers[0].url], "results")
        answers = round(outcome.per_second * (bench.warm_s + bench.measure_s))
        return read_profile(file, answers=answers)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="autostack bench throughput", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, and nothing else")
    parser.add_argument("--seconds", type=float, default=10, help="measured time of each stage")
    parser.add_argument("--warm", type=float, default=2, help="time before it that does not count")
    parser.add_argument("--profile", action="store_true", help="only show where a worker's time goes")
    arguments = parser.parse_args()
    postgres = PostgresServer.create()
    try:
        _prepare(postgres)
        bench = Bench(postgres, arguments.warm, arguments.seconds)
        if arguments.profile:
            print(profile(bench))
            return
        figures = measure(bench, say=not arguments.json)
    finally:
        postgres.remove()
    if arguments.json:
        print(json.dumps(figures))


def _prepare(postgres: PostgresServer) -> None:
    subprocess.run(
        [sys.executable, "-m", "worker_node", "migrate"],
        env={
            **postgres.environment(), "WRITER_PASSWORD": WRITER_PASSWORD,
            "READER_PASSWORD": secrets.token_hex(16), "LOG_LEVEL": "warning",
        },
        check=True,
    )  # fmt: skip

    async def create() -> None:
        connection = await asyncpg.connect(postgres.dsn())
        await connection.execute(PGBENCH_TABLE)
        await connection.close()

    asyncio.run(create())


if __name__ == "__main__":
    main()
