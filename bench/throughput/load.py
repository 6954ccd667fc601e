"""The client of the benchmark: keep-alive connections, one problem in flight on each, as cheap as Python
allows.

A benchmark that includes its client must not measure the client, so there is no HTTP library here: requests
are built from a template, answers are parsed by httptools. Closed loop finds the most a server can do; open
loop sends at a fixed rate whatever comes back, and measures from the moment at which a problem should have
been sent.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import httptools
from service_kit.problem_id import RunPosition, encode_position

KINDS = (
    "{a} + {b}", "{a} * {b} - {c}", "({a} - {b}) / {c}", "{a} // {c} + {b} % {c}", "{c}**7 - {a}",
    "gcd({a}, {b})", "max({a}, {b}, {c}) / 4", "(({a} + {b}) * {c} - {a}) / {c}",
)  # fmt: skip


def problems(seed: int, count: int = 2000) -> list[str]:
    """A fixed mixture of expressions."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable mixture
    return [
        chance.choice(KINDS).format(
            a=chance.randrange(10**6), b=chance.randrange(10**4), c=chance.randrange(2, 99)
        )
        for _ in range(count)
    ]


@dataclass
class Outcome:
    """What a stage of load came to."""

    acknowledged: int = 0
    refused: int = 0
    duration_s: float = 0
    latencies_s: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Acknowledged answers per second."""
        return self.acknowledged / self.duration_s if self.duration_s else 0

    def percentile_ms(self, share: float) -> float:
        """A latency percentile."""
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else float("nan")


SEQUENCE_DIGITS = 10
"""The last hexadecimal digits of an id are the number within the run."""


class Sequence:
    """Requests of one run, each with an id of its own."""

    def __init__(self, host: str) -> None:
        self._expressions = problems(7)
        self._head = (
            f"POST /solve HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: "
        )
        first = encode_position(RunPosition(time.time_ns() // 1_000_000, random.getrandbits(34), 0))
        self._id_prefix = str(first)[:-SEQUENCE_DIGITS]
        self.issued = 0

    def request(self) -> bytes:
        """The next one."""
        number, self.issued = self.issued, self.issued + 1
        expression = self._expressions[number % len(self._expressions)]
        body = f'{{"id":"{self._id_prefix}{number:010x}","expression":"{expression}"}}'
        return f"{self._head}{len(body)}\r\n\r\n{body}".encode()


class Connection(asyncio.Protocol):
    """One keep-alive connection; `answered(connection, status)` is called for each answer."""

    def __init__(self, answered: Callable[[Connection, int], None]) -> None:
        self._answered = answered
        self._parser = httptools.HttpResponseParser(self)
        self.transport: asyncio.Transport
        self.due_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are not declared as such

    def data_received(self, data: bytes) -> None:
        """Parse."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Called by the parser at the end of an answer."""
        self._answered(self, self._parser.get_status_code())

    def send(self, request: bytes, due_s: float) -> None:
        """Send one request, which was due at this time."""
        self.due_s = due_s
        self.transport.write(request)


async def _connect(
    urls: list[str], count: int, answered: Callable[[Connection, int], None]
) -> list[Connection]:
    loop = asyncio.get_running_loop()
    made = []
    for number in range(count):
        host, port = urls[number % len(urls)].removeprefix("http://").split(":")
        _, connection = await loop.create_connection(lambda: Connection(answered), host, int(port))
        made.append(connection)
    return made


async def closed_loop(urls: list[str], *, connections: int, warm_s: float, measure_s: float) -> Outcome:
    """Every connection sends its next problem as soon as it has its answer."""
    sequence = Sequence("bench")
    outcome = Outcome()
    clock = time.perf_counter
    start_s = clock() + warm_s
    end_s = start_s + measure_s
    open_count = connections
    finished = asyncio.Event()

    def answered(connection: Connection, status: int) -> None:
        nonlocal open_count
        now_s = clock()
        if status != 200:
            outcome.refused += 1
        elif start_s <= now_s < end_s:
            outcome.acknowledged += 1
            outcome.latencies_s.append(now_s - connection.due_s)
        if now_s < end_s:
            connection.send(sequence.request(), now_s)
        else:
            open_count -= 1
            connection.transport.close()
            if not open_count:
                finished.set()

    for connection in await _connect(urls, connections, answered):
        connection.send(sequence.request(), clock())
    await asyncio.wait_for(finished.wait(), warm_s + measure_s + 60)
    outcome.duration_s = measure_s
    return outcome


async def open_loop(
    urls: list[str], *, per_second: int, connections: int, warm_s: float, measure_s: float
) -> Outcome:
    """Send at a fixed rate; what finds no free connection waits for one, which counts as latency."""
    sequence = Sequence("bench")
    outcome = Outcome()
    clock = time.perf_counter
    idle: deque[Connection] = deque()
    overdue: deque[float] = deque()
    begin_s = clock() + 0.1
    start_s, end_s = begin_s + warm_s, begin_s + warm_s + measure_s
    in_flight = 0
    sending = True
    finished = asyncio.Event()

    def answered(connection: Connection, status: int) -> None:
        nonlocal in_flight
        in_flight -= 1
        if status != 200:
            outcome.refused += 1
        elif start_s <= connection.due_s < end_s:
            outcome.acknowledged += 1
            outcome.latencies_s.append(clock() - connection.due_s)
        if overdue:
            in_flight += 1
            connection.send(sequence.request(), overdue.popleft())
        else:
            idle.append(connection)
            if not sending and not in_flight:
                finished.set()

    idle.extend(await _connect(urls, connections, answered))
    everyone = list(idle)
    sent = 0
    while (now_s := clock()) < end_s:
        while begin_s + sent / per_second <= now_s:
            due_s = begin_s + sent / per_second
            sent += 1
            if idle:
                in_flight += 1
                idle.popleft().send(sequence.request(), due_s)
            else:
                overdue.append(due_s)
        await asyncio.sleep(0.001)
    sending = False
    if in_flight or overdue:
        await asyncio.wait_for(finished.wait(), 60)
    for connection in everyone:
        connection.transport.close()
    outcome.duration_s = measure_s
    return outcome
