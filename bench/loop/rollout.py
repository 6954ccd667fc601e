"""A rollout as the API shows it: when the Deployment was changed, its pods came up, and the old ones went.

Live means what `kubectl rollout status` means by done: the Deployment's controller has seen the new template,
and all replicas that are wanted now (an autoscaler may have changed their number) are updated and available.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from lightkube import AsyncClient, KubeConfig
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod

from autostack.stack.rollout import read_rollout

NAMESPACE = "auto-stack"
LABEL = "app.kubernetes.io/name"
WITHIN_S = 300.0


class Rollout:
    """What happens to one application's Deployment and pods; `moments` are Unix seconds by name."""

    def __init__(self, client: AsyncClient, app: str) -> None:
        self._client = client
        self._app = app
        self._old_image: str | None = None
        self._old_pods: set[str] = set()
        self.moments: dict[str, float] = {}
        self.began = asyncio.Event()

    async def watch_deployment(self) -> None:
        """Until it is live."""
        watch = self._client.watch(Deployment, namespace=NAMESPACE, labels={LABEL: self._app})
        async for _, found in watch:
            document = found.to_dict()
            if self._old_image is None:
                self._old_image = image_of(document["spec"]["template"])
                self.began.set()
            if image_of(document["spec"]["template"]) == self._old_image:
                continue
            self._reach("applied")
            if read_rollout(document).complete:
                self._reach("live")
                return

    async def watch_pods(self) -> None:
        """Until the old pods are gone, which is never before the new ones are ready."""
        await self.began.wait()
        watch = self._client.watch(Pod, namespace=NAMESPACE, labels={LABEL: self._app})
        async for event, found in watch:
            pod = found.to_dict()
            name = pod["metadata"]["name"]
            if image_of(pod) == self._old_image:
                (self._old_pods.discard if event == "DELETED" else self._old_pods.add)(name)
            else:
                self._see_new(pod)
            if "applied" in self.moments and not self._old_pods:
                self._reach("old pods gone")
                return

    def _see_new(self, pod: dict[str, Any]) -> None:
        self._reach("first new pod")
        status = pod.get("status") or {}
        if any("running" in (one.get("state") or {}) for one in status.get("containerStatuses") or ()):
            self._reach("first one runs")
        if any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ()):
            self._reach("first one ready")

    def _reach(self, name: str) -> None:
        self.moments.setdefault(name, time.time())


def image_of(described: dict[str, Any]) -> str:
    """The image in a pod or a pod template."""
    return str(described["spec"]["containers"][0]["image"])


@contextlib.asynccontextmanager
async def watched(kubeconfig: Path, app: str) -> AsyncIterator[Rollout]:
    """A rollout that is being watched; leaving waits until it is live and the old pods are gone."""
    client = AsyncClient(config=KubeConfig.from_file(str(kubeconfig)))
    rollout = Rollout(client, app)
    try:
        async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as group:
            group.create_task(rollout.watch_deployment(), name="deployment")
            group.create_task(rollout.watch_pods(), name="pods")
            await rollout.began.wait()
            yield rollout
    except TimeoutError as error:
        reached = ", ".join(rollout.moments) or "nothing"
        raise RuntimeError(f"no end of the rollout in {WITHIN_S:g} s; it reached: {reached}") from error
