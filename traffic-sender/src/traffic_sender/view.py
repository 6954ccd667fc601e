"""The live view of a run in a terminal: one table, redrawn four times a second."""

from __future__ import annotations

import asyncio
from collections import deque

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from traffic_sender.engine import Engine
from traffic_sender.summary import duration_text

_INTERVAL_S = 0.25
_BARS = "▁▂▃▄▅▆▇█"


async def show(engine: Engine, *, console: Console, title: str) -> None:
    """Draw until cancelled."""
    history: deque[int] = deque(maxlen=60)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            history.append(engine.acknowledged_tps())
            live.update(_draw(engine, title=title, history=list(history)), refresh=True)
            await asyncio.sleep(_INTERVAL_S)


def sparkline(values: list[int]) -> str:
    """Values as bars, the largest one full."""
    top = max(values, default=0)
    if top <= 0:
        return _BARS[0] * len(values)
    return "".join(_BARS[round(max(value, 0) / top * (len(_BARS) - 1))] for value in values)


def _draw(engine: Engine, *, title: str, history: list[int]) -> Group:
    figures, latency = engine.figures(), engine.records.latency
    ejected, admitted = engine.workers()
    table = Table.grid(padding=(0, 2))
    rows = (
        ("asked", f"{engine.asked_tps():.1f}/s", "issued", f"{figures.issued}"),
        ("acknowledged", f"{history[-1]}/s", "acknowledged", f"{figures.acknowledged}"),
        ("in flight", f"{figures.in_flight}", "rejected", f"{figures.rejected}"),
        ("workers", f"{admitted} well, {ejected} ejected", "given up", f"{figures.given_up}"),
        ("p50", duration_text(latency.quantile(0.5)), "p99", duration_text(latency.quantile(0.99))),
    )
    for row in rows:
        table.add_row(Text(row[0], style="dim"), row[1], Text(row[2], style="dim"), row[3])
    return Group(Text(title, style="bold"), table, Text(sparkline(history), style="cyan"))
