"""An open loop against workers that are too slow, for minutes: arrivals keep their rate, memory stays flat.

A real worker, slowed by its own fault injection so that more is always under way than may be, a real sender
that goes on sending at its rate, and the kernel's word for what both hold in memory. What could not be sent
is counted in the ledger; were it queued, memory would grow by megabytes a minute and be seen here.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from harness.postgres import PostgresServer
from harness.service_process import ServiceProcess
from harness.stored_rows import create_results_database

FLAT_MB_AN_HOUR = 30.0
"""The ledger itself grows by a bit for each problem: under 1 MB an hour at 2,000 a second."""
ALLOWED_MB = 8.0
"""What an allocator may still take after the warm-up, however short the run."""
DEVIATION = 0.01
TELL_EVERY_S = 15.0


@dataclass
class Watched:
    """The resident memory of one process over time."""

    pid: int
    rss_mb: list[float] = field(default_factory=list)

    def sample(self) -> None:
        """Take note of it now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        self.rss_mb.append(pages * 4096 / 1e6)

    def growth_mb(self) -> float:
        """From the second quarter of the samples to the last."""
        quarter = max(len(self.rss_mb) // 4, 1)
        return statistics.median(self.rss_mb[-quarter:]) - statistics.median(
            self.rss_mb[quarter : 2 * quarter]
        )


def soak(*, tps: float, seconds: float, latency_ms: float, most_in_flight: int) -> dict[str, Any]:
    """Run it and say what was seen."""
    server = PostgresServer.create()
    started: list[ServiceProcess] = []
    try:
        database = asyncio.run(create_results_database(server))
        slow = {"FAULT_INJECTION": "1", "FAULT_LATENCY_MS": str(latency_ms), "QUEUE_LIMIT": "20000"}
        worker = ServiceProcess.start("worker_node", {**database.writer_environment, **slow})
        started.append(worker)
        load = {
            "TARGET": worker.url,
            "TPS": str(tps),
            "MOST_IN_FLIGHT": str(most_in_flight),
            "MOST_PER_WORKER": str(most_in_flight),
        }
        sender = ServiceProcess.start("traffic_sender", load)
        started.append(sender)
        return _watch(sender, worker, tps=tps, seconds=seconds, most_in_flight=most_in_flight)
    finally:
        for service in reversed(started):
            service.process.kill()
            service.process.wait()
        server.remove()


def _watch(
    sender: ServiceProcess, worker: ServiceProcess, *, tps: float, seconds: float, most_in_flight: int
) -> dict[str, Any]:
    watched = {"sender": Watched(sender.process.pid), "worker": Watched(worker.process.pid)}
    most_seen, tell_at_s = 0, 0.0
    with httpx.Client(base_url=sender.url, timeout=30) as client:
        first, began_s = client.get("/ledger").json(), time.monotonic()
        while (now_s := time.monotonic()) < began_s + seconds:
            for process in watched.values():
                process.sample()
            under_way = client.get("/ledger").json()["in_flight"]
            most_seen = max(most_seen, under_way)
            if now_s >= tell_at_s:
                tell_at_s = now_s + TELL_EVERY_S
                memory = ", ".join(f"{name} {one.rss_mb[-1]:.1f} MB" for name, one in watched.items())
                passed_s = now_s - began_s
                print(f"{passed_s:5.0f} of {seconds:g} s: {under_way} under way, {memory}", file=sys.stderr)
            time.sleep(max(0.0, now_s + 1 - time.monotonic()))
        last, took_s = client.get("/ledger").json(), time.monotonic() - began_s
    arrivals = (last["issued"] - first["issued"]) / took_s
    grown = {name: process.growth_mb() for name, process in watched.items()}
    allowed_mb = max(ALLOWED_MB, FLAT_MB_AN_HOUR * seconds / 3600)
    return {
        "asked_tps": tps,
        "arrivals_per_second": round(arrivals, 1),
        "acknowledged_per_second": round((last["acknowledged"] - first["acknowledged"]) / took_s, 1),
        "given_up_by_reason": last["given_up_by_reason"],
        "most_in_flight": most_seen,
        "rss_mb": {name: round(process.rss_mb[-1], 1) for name, process in watched.items()},
        "grown_mb": {name: round(mb, 2) for name, mb in grown.items()},
        "open_loop": abs(arrivals - tps) <= tps * DEVIATION,
        "bounded": most_seen <= most_in_flight,
        "flat": all(mb <= allowed_mb for mb in grown.values()),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="autostack bench soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="how long (default: five minutes)")
    parser.add_argument("--tps", type=float, default=2000, help="arrivals a second (default: 2000)")
    parser.add_argument("--latency-ms", type=float, default=4000, help="added by the worker (default: 4000)")
    parser.add_argument(
        "--most-in-flight", type=int, default=5000, help="bound of the sender (default: 5000)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args(arguments)
    report = soak(
        tps=given.tps,
        seconds=given.seconds,
        latency_ms=given.latency_ms,
        most_in_flight=given.most_in_flight,
    )
    if given.json:
        print(json.dumps(report, indent=2))
    else:
        for key, value in report.items():
            print(f"{key:26} {value}")
    return 0 if report["open_loop"] and report["bounded"] and report["flat"] else 1


if __name__ == "__main__":
    sys.exit(main())
