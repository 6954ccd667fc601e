"""The small Prometheus operator: keeps Prometheus' configuration equal to the objects, and serves it its
targets.

It runs beside Prometheus in one pod and shares a folder with it, so a change is there as soon as it is
written and needs no round through a Secret. Targets come by HTTP discovery from the same process, because a
Prometheus without Kubernetes discovery (Debian's) can ask nobody else; a new pod is found at the next
refresh.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx2
from lightkube import ApiError, AsyncClient, KubeConfig
from lightkube.core.exceptions import ConfigError
from lightkube.models.core_v1 import EventSource, ObjectReference
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Event
from starlette.applications import Starlette

from autostack.errors import UnavailableError
from autostack.observability.configuration import Configuration, Refusal, configuration
from autostack.observability.files import write_configuration
from autostack.observability.monitors import Discovery
from autostack.observability.observed import MONITORING, TARGETS, Observed, every
from autostack.observability.serving import application, serve
from autostack.observability.settings import Settings
from autostack.observability.targets import endpointslice_targets, pod_targets

log = logging.getLogger("autostack.observability")

_SETTLE_S = 0.2
_RELOAD_RETRY_S, _RELOAD_WITHIN_S = 1.0, 10.0


class Operator:
    """One Prometheus and its objects."""

    def __init__(self, settings: Settings, client: AsyncClient) -> None:
        self.settings = settings
        self._client = client
        self._monitors_changed, targets_changed = asyncio.Event(), asyncio.Event()
        self._monitors = [Observed(resource, self._monitors_changed) for resource in MONITORING]
        self._slices, self._services, self._pods = (Observed(one, targets_changed) for one in TARGETS)
        self._told: set[tuple[str, str]] = set()
        self._written = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the objects until told to stop."""
        async with asyncio.TaskGroup() as group:
            parts = [*self._monitors, self._slices, self._services, self._pods]
            tasks = [group.create_task(one.follow(self._client), name=one.resource.__name__) for one in parts]
            tasks.append(group.create_task(self._apply(), name="apply"))
            await serve(self._application(), self.settings.listen_host, self.settings.listen_port, stop)
            for task in tasks:
                task.cancel()

    async def _apply(self) -> None:
        for one in self._monitors:
            await one.synced.wait()
        async with httpx2.AsyncClient(timeout=_RELOAD_WITHIN_S, trust_env=False) as session:
            unloaded = True  # we may have died between writing and telling
            while True:
                self._monitors_changed.clear()
                wanted, changed = self._write()
                for refusal in wanted.refusals:
                    await self._report(refusal)
                unloaded = unloaded or changed
                if unloaded:
                    unloaded = not await self._reload(session)
                await self._next_change(_RELOAD_RETRY_S if unloaded else None)

    async def _next_change(self, timeout_s: float | None) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._monitors_changed.wait()
                await asyncio.sleep(_SETTLE_S)  # a sync applies many objects; one reload for all
        except TimeoutError:
            return

    def _write(self) -> tuple[Configuration, bool]:
        wanted = configuration(
            every(self._monitors),
            Discovery(self.settings.discovery),
            scrape_interval=self.settings.scrape_interval,
        )
        changed = write_configuration(wanted, self.settings.folder)
        self._written.set()
        return wanted, changed

    async def _reload(self, session: httpx2.AsyncClient) -> bool:
        """Whether Prometheus took the configuration; one that it refuses is reported, and asked for only
        once.
        """
        try:
            answer = await session.post(f"{self.settings.prometheus}/-/reload")
        except httpx2.HTTPError as error:
            log.info("Prometheus is not there yet", extra={"error": str(error)})
            return False
        if answer.status_code == httpx2.codes.OK:
            log.info("Prometheus has the new configuration")
        else:
            log.error("Prometheus refused the configuration", extra={"answer": answer.text.strip()[:500]})
        return answer.status_code < httpx2.codes.BAD_GATEWAY

    async def _report(self, refusal: Refusal) -> None:
        """An Event on the object that was left out, once per state of it."""
        metadata = refusal.subject["metadata"]
        key = (metadata.get("uid", ""), refusal.reason)
        if key in self._told:
            return
        self._told.add(key)
        log.warning("left out", extra={"object": metadata["name"], "reason": refusal.reason})
        now = datetime.now(UTC)
        event = Event(
            metadata=ObjectMeta(generateName=f"{metadata['name']}.", namespace=metadata["namespace"]),
            involvedObject=ObjectReference(
                apiVersion=refusal.subject.get("apiVersion", "monitoring.coreos.com/v1"),
                kind=refusal.subject["kind"],
                name=metadata["name"],
                namespace=metadata["namespace"],
                uid=metadata.get("uid"),
            ),
            reason="NotTranslated",
            message=refusal.reason,
            type="Warning",
            source=EventSource(component="prometheus-operator"),
            firstTimestamp=now,
            lastTimestamp=now,
            count=1,
        )
        try:
            await self._client.create(event)
        except ApiError as error:
            log.warning("the Event could not be written", extra={"error": str(error)})

    def _application(self) -> Starlette:
        parts = (self._slices, self._services, self._pods)
        return application(
            {"/targets/endpointslice": self._endpointslices, "/targets/pod": self._pod_targets},
            {
                "/healthz": lambda: True,
                "/configured": self._written.is_set,
                "/readyz": lambda: all(one.synced.is_set() for one in parts),
            },
        )

    def _endpointslices(self, namespaces: set[str]) -> Iterable[Mapping[str, Any]]:
        slices = _within(self._slices, namespaces)
        return endpointslice_targets(slices, self._services.objects, self._pods.objects)

    def _pod_targets(self, namespaces: set[str]) -> Iterable[Mapping[str, Any]]:
        return pod_targets(_within(self._pods, namespaces))


def _within(part: Observed, namespaces: set[str]) -> list[dict[str, Any]]:
    return [one for (namespace, _), one in part.objects.items() if not namespaces or namespace in namespaces]


async def operate(settings: Settings) -> None:
    """Run until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        client = AsyncClient(KubeConfig.from_env(), trust_env=False)
    except ConfigError as error:
        raise UnavailableError(f"no cluster is configured: {error}") from error
    async with client:
        await Operator(settings, client).run(stop)
