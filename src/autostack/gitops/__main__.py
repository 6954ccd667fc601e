"""`python -m autostack.gitops`: the controller's process, composed in one place."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from datetime import UTC, datetime

from autostack.errors import AutostackError
from autostack.gitops.api import KubernetesApi
from autostack.gitops.controller import Controller
from autostack.gitops.credentials import Access, access
from autostack.gitops.lease import Leadership
from autostack.gitops.live import LiveState
from autostack.gitops.metrics import LEADING
from autostack.gitops.objects import Object, ObjectKey
from autostack.gitops.reconcile import World
from autostack.gitops.server import serve
from autostack.gitops.settings import Settings, read
from autostack.gitops.source import Mirrors


class _JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of one record."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": moment,
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Run the controller until `stop` is set."""
    async with KubernetesApi.from_environment() as api:
        heard: list[Controller] = []

        def listen(key: ObjectKey, before: Object | None, after: Object | None) -> None:
            for controller in heard:
                controller.hear(key, before, after)

        live = LiveState(api, listen)

        def reached(url: str) -> Access:
            here = (obj for key, obj in live.objects.items() if key.namespace == settings.namespace)
            return access(url, here)

        mirrors = Mirrors(settings.cache, reached)
        mirrors.tidy()
        world = World(api, live, mirrors, lambda: datetime.now(UTC), settings.poll_s)
        leadership = Leadership(api, settings.namespace, settings.identity)
        background = [
            asyncio.create_task(
                serve(settings.listen_host, settings.listen_port, live.ready.is_set), name="http"
            ),
            asyncio.create_task(live.run(), name="live state"),
            asyncio.create_task(leadership.run(), name="lease"),
            asyncio.create_task(_lead(world, settings, leadership, heard), name="lead"),
        ]
        background.append(asyncio.create_task(_until(stop), name="stop"))
        try:
            done, _ = await asyncio.wait(background, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


async def _lead(world: World, settings: Settings, leadership: Leadership, heard: list[Controller]) -> None:
    """While the lease is ours, work; when it is lost, drop the work where it is: another goes on from the
    status.
    """
    while True:
        await leadership.held.wait()
        await world.live.ready.wait()
        controller = Controller(world, settings.namespace, prometheus_url=settings.prometheus_url)
        heard[:] = [controller]
        LEADING.set(1)
        work = asyncio.create_task(controller.run(), name="controller")
        lost = asyncio.create_task(leadership.lost.wait(), name="lease lost")
        try:
            await asyncio.wait([work, lost], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            heard.clear()
            LEADING.set(0)
            work.cancel()
            lost.cancel()
            await asyncio.gather(work, lost, return_exceptions=True)


async def _main() -> None:
    settings = read()
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(settings, stop)


def main() -> None:
    """The process; an expected failure is one line and its exit code."""
    try:
        asyncio.run(_main())
    except AutostackError as error:
        print(f"autostack.gitops: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
