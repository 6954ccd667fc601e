"""`autostack chaos`: the chaos agent's switch."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Annotated

import typer

from autostack.cli.connection import ClusterName, connect
from autostack.cli.grouping import AsJson, group
from autostack.errors import UsageError

app = group("Start, stop and watch the chaos agent.")

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """`30s`, `5m`, `2h`, `1d` or plain seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if not match or float(match[1]) <= 0:
        raise UsageError(f"{text!r} is no duration; write for example 30s, 5m, 2h or 1d")
    return float(match[1]) * _UNITS[match[2]]


@app.command()
def start(
    every: Annotated[
        str,
        typer.Option("--every", help="How long a day of kube-monkey/mtbf takes, e.g. 30s; by default a day."),
    ] = "1d",
    cluster: ClusterName = None,
) -> None:
    """Let the agent delete opted-in pods at random until `chaos stop`."""
    from autostack.resilience.chaos import Chaos

    day_s = seconds(every)
    if day_s < 1:
        raise UsageError("a day must take at least 1s")
    asyncio.run(Chaos(connect(cluster)).start(day_s=day_s))
    typer.echo(f"chaos is on: each opted-in workload loses pods every {every} times its mtbf, on average")


@app.command()
def stop(cluster: ClusterName = None) -> None:
    """Stop the agent; harmless when it does not run."""
    from autostack.resilience.chaos import Chaos

    asyncio.run(Chaos(connect(cluster)).stop())
    typer.echo("chaos is off")


@app.command()
def once(cluster: ClusterName = None, as_json: AsJson = False) -> None:
    """Attack each opted-in workload once, now; ends when that is done and says what was killed."""
    from autostack.resilience.chaos import Chaos

    async def attack() -> tuple[str, list[dict[str, str]]]:
        chaos = Chaos(connect(cluster))
        before = (await chaos.status()).kills
        job = await chaos.once()
        await chaos.wait_for(job)
        return job, [kill for kill in (await chaos.status()).kills if kill not in before]

    job, kills = asyncio.run(attack())
    if as_json:
        typer.echo(json.dumps({"job": job, "kills": kills}))
        return
    for kill in kills:
        typer.echo(_line(kill))


def _line(kill: dict[str, str]) -> str:
    """A kill for people, to the second."""
    return f"{kill['at'][:19]}Z  {kill['message']}"


@app.command()
def status(cluster: ClusterName = None, as_json: AsJson = False) -> None:
    """Show whether the agent runs, its pace, and the kills that the cluster remembers."""
    from dataclasses import asdict

    from autostack.resilience.chaos import Chaos

    found = asyncio.run(Chaos(connect(cluster)).status())
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    state = "on" if found.ready else "starting" if found.wanted else "off"
    typer.echo(
        f"chaos is {state}" + (f"; a day takes {found.day_s:g} s" if found.wanted and found.day_s else "")
    )
    for kill in found.kills:
        typer.echo(_line(kill))
    if not found.kills:
        typer.echo("no kill is remembered")
