"""Every page and API call of result-node over ten million rows: p50, p95 and p99 of each.

The rows are made in the server, into the partitions that the real migrations make, spread over the last day;
then a result-node as its image starts it is asked by one client, one question at a time, while a worker
stores what a sender sends it. The bound is 100 ms at p95 for every kind of question. Each kind is named when
its turn comes and its figures follow, on stderr; what was measured is reported, too, when a kind fails or the
run is cut short.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from harness.postgres import PostgresServer
from harness.service_process import ServiceProcess
from harness.stored_rows import ResultsDatabase, create_results_database
from keeping import recall, remember
from questions import KINDS, Known
from seeding import fill

BOUND_MS = 100.0
ROWS = 10_000_000
REQUESTS = 200
STREAMED = ("/api/v1/results/stream", "/api/v1/results/export", "/live/events")
WARM_UP = 2
"""Questions of a kind that are not counted: the first one compiles a template or opens a connection."""


SERVER = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min"}


@contextlib.contextmanager
def filled(rows: int, keep: Path | None) -> Iterator[tuple[ResultsDatabase, Known]]:
    """A running server with so many rows: filled now, or kept from an earlier run."""
    kept = None if keep is None else recall(keep, rows=rows, settings=SERVER)
    server = PostgresServer.create(**SERVER) if kept is None else kept[0].server
    try:
        if kept is None:
            database = asyncio.run(create_results_database(server))
            kept = database, asyncio.run(fill(database, rows=rows))
            if keep is not None:
                remember(keep, *kept)
        yield kept
    finally:
        if keep is None or not keep.exists():
            server.remove()
        else:
            server.stop()


@contextlib.contextmanager
def writing(database: ResultsDatabase, per_second: float) -> Iterator[None]:
    """A real worker and a real sender beside the body; 0 is nobody."""
    with contextlib.ExitStack() as stack:
        if per_second:
            worker = ServiceProcess.start("worker_node", database.writer_environment)
            stack.callback(worker.stop)
            sender = ServiceProcess.start("traffic_sender", {"TARGET": worker.url, "TPS": str(per_second)})
            stack.callback(sender.stop)
        yield


class BenchError(Exception):
    """A kind of question could not be measured; the message says why."""


@dataclass
class Run:
    """What has been measured so far, and what could not be."""

    kinds: dict[str, dict[str, float]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def ask_all(self, url: str, known: Known, *, requests: int) -> None:
        """Ask so many questions of each kind; an interrupt ends it, and fails the kinds that are left."""
        chance = random.Random(11)  # noqa: S311 - the same questions in every run
        with httpx.Client(base_url=url, timeout=30) as client:
            for number, (kind, ask) in enumerate(KINDS.items(), start=1):
                tell(f"{number:2}/{len(KINDS)} {kind:46}", end="")
                began = time.monotonic()
                try:
                    times = [_one(client, ask(chance, known)) for _ in range(WARM_UP + requests)][WARM_UP:]
                except (BenchError, httpx.HTTPError) as error:
                    self.failed[kind] = str(error) or type(error).__name__
                    tell(f"failed: {self.failed[kind]}")
                except KeyboardInterrupt:
                    self.failed |= dict.fromkeys(list(KINDS)[number - 1 :], "interrupted")
                    tell("interrupted")
                    break
                else:
                    self.kinds[kind] = percentiles(times)
                    tell(f"{columns(self.kinds[kind])}, {time.monotonic() - began:.1f} s")

    def report(self) -> dict[str, Any]:
        """The kinds and the worst of them."""
        worst = max(self.kinds, key=lambda kind: self.kinds[kind]["p95_ms"], default=None)
        worst_ms = None if worst is None else self.kinds[worst]["p95_ms"]
        return {
            "kinds": self.kinds,
            "failed": self.failed,
            "worst_kind": worst,
            "worst_p95_ms": worst_ms,
            "bound_ms": BOUND_MS,
            "within_bound": not self.failed and worst_ms is not None and worst_ms < BOUND_MS,
        }


def run(*, rows: int, requests: int, writes: float, keep: Path | None = None) -> dict[str, Any]:
    """Fill a database, ask, and give milliseconds by kind of question."""
    started, asked = time.monotonic(), Run()
    with filled(rows, keep) as (database, known), writing(database, writes):
        filled_s = time.monotonic() - started
        tell(f"{rows:,} rows, filled in {filled_s:.1f} s; p50, p95 and p99 in ms, and the time of all:")
        service = ServiceProcess.start("result_node", database.reader_environment)
        try:
            asked.ask_all(service.url, known, requests=requests)
        finally:
            service.stop()
    return {
        "rows": rows,
        "writes_per_second": writes,
        "filled_s": round(filled_s, 1),
        "table_bytes": known.table_bytes,
        "index_bytes": known.index_bytes,
        **asked.report(),
    }


def percentiles(times_s: list[float]) -> dict[str, float]:
    """Milliseconds at p50, p95 and p99."""
    ordered = sorted(times_s)
    return {
        f"p{percent}_ms": round(ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] * 1000, 2)
        for percent in (50, 95, 99)
    }


def columns(figures: dict[str, float]) -> str:
    """The figures of a kind, one below those of another."""
    return " ".join(f"{value:8.2f}" for value in figures.values())


def tell(text: str, *, end: str = "\n") -> None:
    """Progress, at once and beside the report."""
    print(text, end=end, file=sys.stderr, flush=True)


def _one(client: httpx.Client, path: str) -> float:
    """Seconds until the answer is there; of a stream or an export, until its first bytes are."""
    endless = path.startswith(STREAMED)
    started = time.perf_counter()
    with client.stream("GET", path) as answer:
        body = next(answer.iter_bytes(), b"") if endless else answer.read()
        took = time.perf_counter() - started
        if answer.status_code not in {200, 404}:
            raise BenchError(f"{path} gave {answer.status_code}: {body[:300]!r}")
    return took


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="autostack bench results", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="rows in the table (default: ten million)")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="questions of each kind")
    parser.add_argument(
        "--writes", type=float, default=100, help="answers a second that are stored meanwhile (default: 100)"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="FILE", help="keep the filled database, and note here where it is"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a time limit interrupts it as Ctrl-C does
    report = run(rows=given.rows, requests=given.requests, writes=given.writes, keep=given.keep)
    if given.json:
        print(json.dumps(report, indent=2))
    else:
        print(f"{report['rows']:,} rows, filled in {report['filled_s']} s; milliseconds at p50, p95, p99:")
        for kind, figures in report["kinds"].items():
            print(f"  {kind:46} {columns(figures)}")
        for kind, reason in report["failed"].items():
            print(f"  {kind:46} failed: {reason}")
        print(
            f"worst p95: {report['worst_p95_ms']} ms ({report['worst_kind']}), the bound is {BOUND_MS:g} ms"
        )
    sys.exit(0 if report["within_bound"] else 1)


if __name__ == "__main__":
    main()
