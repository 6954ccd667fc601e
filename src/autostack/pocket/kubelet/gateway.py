"""The way into running pods for the API server: logs, exec, port-forward, usage. Implements NodeGateway."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

from autostack.pocket.errors import ApiError
from autostack.pocket.kubelet.attaching import AttachSession
from autostack.pocket.kubelet.attempts import attempts
from autostack.pocket.kubelet.container import Container
from autostack.pocket.kubelet.entering import Session, enter
from autostack.pocket.kubelet.errors import StartError
from autostack.pocket.kubelet.logs import LogFile, Selection
from autostack.pocket.kubelet.pod import Pod
from autostack.pocket.kubelet.usage import Meter
from autostack.pocket.node import LogOptions, Usage


class Gateway:
    """Finds the container that is meant and does what is asked, or says why not."""

    def __init__(
        self,
        find: Callable[[str], Pod | None],
        by_name: Callable[[tuple[str, str]], Pod | None],
        meter: Meter,
    ) -> None:
        self._find = find
        self._by_name = by_name
        self._meter = meter

    def _container(self, pod: dict[str, Any], name: str) -> Container:
        found = self._find(pod["metadata"]["uid"])
        about = pod["metadata"]["name"]
        if found is None:
            raise ApiError(400, "BadRequest", f"pod {about} does not have a host assigned")
        container = found.container(name)
        if container is None:
            raise ApiError(400, "BadRequest", f"container {name} is not valid for pod {about}")
        return container

    async def logs(self, pod: dict[str, Any], options: LogOptions) -> AsyncIterator[bytes]:
        """The output in pieces; raises 400 when there is none yet."""
        container = self._container(pod, options.container)
        known = attempts(container.folder)
        if options.previous:
            known = known[:-1]
        about = f'container "{options.container}" in pod "{pod["metadata"]["name"]}"'
        if not known:
            if options.previous:
                raise ApiError(400, "BadRequest", f"previous terminated {about} not found")
            reason = container.view.waiting[0] if container.view.waiting else "ContainerCreating"
            raise ApiError(400, "BadRequest", f"{about} is waiting to start: {reason}")
        attempt = known[-1]
        since = None
        if options.since_seconds is not None:
            since = time.time() - options.since_seconds
        elif options.since_time:
            since = _instant(options.since_time)
        wanted = Selection(options.follow, options.timestamps, since, options.tail_lines, options.limit_bytes)
        log = LogFile(attempt.log)
        if not attempt.log.exists():
            return

        def has_ended() -> bool:
            return attempt.ended() is not None or not attempt.folder.exists()

        async for piece in log.read(wanted, has_ended=has_ended):
            yield piece

    async def exec(
        self, pod: dict[str, Any], container: str, command: list[str], *, tty: bool, stdin: bool
    ) -> Session:
        """Run a command in the container."""
        target = self._container(pod, container).target()
        if target is None:
            raise ApiError(
                400,
                "BadRequest",
                f'container "{container}" of pod "{pod["metadata"]["name"]}" is not running',
            )
        try:
            return await enter(target, command, tty=tty, stdin=stdin)
        except StartError as error:
            raise ApiError(400, "BadRequest", str(error)) from error

    async def attach(self, pod: dict[str, Any], container: str, *, stdin: bool) -> AttachSession:
        """Join the container's own program; raises 400 when it does not run or takes no input."""
        found = self._container(pod, container)
        process, attempt, spec = found.process, found.attempt, found.spec
        about = f'container "{container}" of pod "{pod["metadata"]["name"]}"'
        if process is None or attempt is None:
            raise ApiError(400, "BadRequest", f"{about} is not running")
        if stdin and (process.input is None or not spec.get("stdin")):
            raise ApiError(400, "BadRequest", f"{about} takes no input: it needs `stdin: true` in its spec")
        once = bool(spec.get("stdinOnce"))
        unseen = once and process.input is not None and not process.input.attached
        if process.input is not None:
            process.input.attached = True
        wanted = Selection(follow=True, start=0 if unseen else attempt.log.stat().st_size)
        output = LogFile(attempt.log).read(wanted, has_ended=process.ended.done)
        return AttachSession(process, output, stdin=stdin, once=once, terminal=bool(spec.get("tty")))

    async def dial(self, pod: dict[str, Any], port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the pod's address."""
        found = self._find(pod["metadata"]["uid"])
        if found is None:
            raise ApiError(400, "BadRequest", f"pod {pod['metadata']['name']} is not running on this node")
        try:
            return await asyncio.open_connection(found.pod_ip, port)
        except OSError as error:
            message = f"nothing in the pod listens on {found.pod_ip}:{port}: {error.strerror or error}"
            raise ApiError(503, "ServiceUnavailable", message) from error

    def pod_usage(self, namespace: str, name: str) -> dict[str, Usage]:
        """By container."""
        pod = self._by_name((namespace, name))
        if pod is None:
            return {}
        return {one.name: self._meter.latest[one] for one in pod.everyone if one in self._meter.latest}

    def node_usage(self) -> Usage:
        """The machine's."""
        return self._meter.node


def _instant(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise ApiError(400, "BadRequest", f"sinceTime {text!r} is not an RFC 3339 time") from error
