"""The sender at the command line: any URL, any profile, a live view and a summary.

The view is drawn only when standard error is a terminal, so output can be piped; `--json` prints nothing but
the summary on standard output. Exit code 0: it ran; 1: nothing at all was answered; 2: the request is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import math
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console

from traffic_sender.engine import Engine, Plan
from traffic_sender.errors import RequestError, SenderError
from traffic_sender.flight import Limits
from traffic_sender.problems import Mix, parse_weights
from traffic_sender.profiles import parse_profile
from traffic_sender.summary import Summary, summarise, summary_lines
from traffic_sender.target import parse_target
from traffic_sender.view import show


def main(arguments: Sequence[str]) -> int:
    """Run one load and tell what came of it; the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        plan = _plan(asked)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            summary = runner.run(_send(plan, title=f"{asked.target}  {asked.profile}"))
    except SenderError as error:
        print(f"traffic-sender: {error}", file=sys.stderr)
        return error.exit_code
    print(summary.model_dump_json(indent=2) if asked.json else "\n".join(summary_lines(summary)))
    answered = summary.ledger.acknowledged + summary.ledger.rejected
    return 0 if answered or not summary.ledger.issued else 1


async def _send(plan: Plan, *, title: str) -> Summary:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    engine = Engine(plan)
    began_s = loop.time()
    gc.freeze()  # what is there stays; the collector's walk over it would delay arrivals
    await engine.start()
    console = Console(stderr=True)
    arrived = asyncio.create_task(engine.arrived.wait(), name="all arrived")
    stopped = asyncio.create_task(stop.wait(), name="stop signal")
    ends: set[asyncio.Future[Any]] = {arrived, stopped, engine.failed}
    drawing = None
    if console.is_terminal:
        drawing = asyncio.create_task(show(engine, console=console, title=title), name="live view")
        ends.add(drawing)
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    duration_s = min(loop.time() - began_s, plan.duration_s)
    figures = await engine.stop(within_s=plan.limits.deadline_s)
    if drawing is not None:
        drawing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await drawing
    if engine.failed.done():
        await engine.failed
    arrived.cancel()
    stopped.cancel()
    return summarise(figures, engine.records, duration_s=duration_s)


def _plan(asked: argparse.Namespace) -> Plan:
    if not asked.duration > 0 or math.isnan(asked.duration):
        raise RequestError("--duration must be more than 0 seconds")
    if not 0.05 <= asked.deadline <= 3600:
        raise RequestError("--deadline must be from 0.05 to 3600 seconds")
    if asked.seed < 0:
        raise RequestError("--seed must be 0 or more")
    return Plan(
        target=parse_target(asked.target),
        profile=parse_profile(asked.tps, asked.profile),
        mix=Mix(asked.seed, parse_weights(asked.weights), asked.undefined_share, asked.invalid_share),
        limits=Limits(deadline_s=asked.deadline, most_in_flight=max(asked.most_in_flight, 1)),
        duration_s=asked.duration,
        ledger_dir=asked.ledger_dir,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m traffic_sender",
        description="Send math problems to a worker at an arrival rate that its speed cannot change.",
        epilog="Without arguments it runs as a service that is configured by its environment.",
    )
    add = parser.add_argument
    add(
        "--target",
        required=True,
        metavar="URL",
        help="http://host:port of the workers; all addresses of the host get their share",
    )
    add("--tps", type=float, required=True, metavar="N", help="problems per second")
    add(
        "--profile",
        default="constant",
        metavar="P",
        help="constant (default); step:step_tps=,every_s=,until_tps=; ramp:to_tps=,over_s=;"
        " sine:amplitude_tps=,period_s=; spike:spike_tps=,every_s=,for_s=",
    )
    add("--duration", type=float, default=math.inf, metavar="S", help="seconds of arrivals; until Ctrl-C")
    add("--deadline", type=float, default=10.0, metavar="S", help="seconds until a problem is given up (10)")
    add("--most-in-flight", type=int, default=5000, metavar="N", help="problems under way at most (5000)")
    add("--seed", type=int, default=1, metavar="N", help="problem n of a seed is always the same (1)")
    add("--weights", default="", metavar="W", help="weights of the kinds: arithmetic=4,prime=1")
    add("--undefined-share", type=float, default=0.0, metavar="X", help="share of problems like 1/0")
    add("--invalid-share", type=float, default=0.0, metavar="X", help="share of problems that are none")
    add("--ledger-dir", type=Path, default=None, metavar="DIR", help="keep the ledger there")
    add("--json", action="store_true", help="print the summary as JSON")
    return parser
