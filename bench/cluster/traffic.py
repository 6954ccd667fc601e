"""HTTP through a ClusterIP and around it, by connections that stay open, with one request at a time each."""

from __future__ import annotations

import asyncio
import statistics
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
SERVER = """
import asyncio, os, uvloop
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok"
class Answer(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data): self.transport.write(ANSWER * data.count(b"\\r\\n\\r\\n"))
async def main():
    server = await asyncio.get_running_loop().create_server(Answer, os.environ["POD_IP"], 8000)
    await server.serve_forever()
uvloop.run(main())
"""


class Caller(asyncio.Protocol):
    """Sends the next request when the answer to the last has come."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None
        self.latencies: list[float] = []
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        if self._transport is not None:
            self._transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        del data  # an answer is one small segment
        now = time.perf_counter()
        self.latencies.append(now - self._sent)
        if now < self._deadline:
            self._send()
        elif self._transport is not None:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


async def load(host: str, port: int, *, connections: int, seconds: float) -> tuple[float, float]:
    """(median latency in µs, requests a second)."""
    deadline = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    callers = [Caller(deadline) for _ in range(connections)]
    for caller in callers:
        await loop.create_connection(lambda caller=caller: caller, host, port)  # type: ignore[misc]
    await asyncio.wait_for(asyncio.gather(*(caller.done for caller in callers)), seconds + 10)
    latencies = [one for caller in callers for one in caller.latencies]
    return statistics.median(latencies) * 1e6, len(latencies) / seconds


async def reachable(host: str, port: int) -> None:
    """Until something accepts there."""
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
