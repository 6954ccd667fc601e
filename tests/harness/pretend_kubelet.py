"""Runs no process: marks pods Ready and gone as a kubelet would, so that controllers can be tested alone
(as kwok does).

It is the test's own action upon the API, nothing in the product knows of it. A pod whose label `test/ready`
is `"false"` stays unready; one with `test/exit` ends with that code as soon as it is bound.
"""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime
from typing import Any

from autostack.pocket.client import ApiClient, Object, Resource
from autostack.pocket.errors import ApiError

PODS = Resource("", "v1", "pods")
NODES = Resource("", "v1", "nodes")


def node(name: str = "node", **spec: Any) -> Object:
    """A node with room for a hundred small pods."""
    capacity = {"cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "10Gi"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": spec,
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


class PretendKubelet:
    """Follows the pods of one node until cancelled."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._addresses = itertools.count(1)

    async def run(self) -> None:
        """Act on every change of a pod."""
        listing = await self._client.list(PODS)
        for pod in listing.items:
            await self._act(pod)
        async for event in self._client.watch(PODS, resource_version=listing.resource_version):
            if event.type in ("ADDED", "MODIFIED"):
                await self._act(event.object)

    async def _act(self, pod: Object) -> None:
        metadata = pod["metadata"]
        if not pod["spec"].get("nodeName"):
            return
        try:
            if metadata.get("deletionTimestamp"):
                if metadata.get("deletionGracePeriodSeconds"):
                    await self._client.delete(
                        PODS, metadata["name"], metadata["namespace"], grace_period_s=0, uid=metadata["uid"]
                    )
            elif (status := self._status(pod)) is not None:
                stripped = {**metadata, "resourceVersion": None}
                body = {**pod, "metadata": stripped, "status": {**pod["status"], **status}}
                stripped.pop("resourceVersion")
                await self._client.update(PODS, body, subresource="status")
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    def _status(self, pod: Object) -> dict[str, Any] | None:
        labels = pod["metadata"].get("labels") or {}
        ready = "False" if labels.get("test/ready") == "false" else "True"
        exit_code = labels.get("test/exit")
        phase = "Running" if exit_code is None else "Succeeded" if exit_code == "0" else "Failed"
        conditions = pod["status"].get("conditions") or []
        known = next((one["status"] for one in conditions if one["type"] == "Ready"), None)
        if exit_code is not None:
            ready = "False"
        if pod["status"].get("phase") == phase and known == ready:
            return None
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        others = [one for one in conditions if one["type"] != "Ready"]
        number = next(self._addresses)
        state: dict[str, Any] = {"running": {"startedAt": now}}
        if exit_code is not None:
            state = {"terminated": {"exitCode": int(exit_code), "finishedAt": now, "startedAt": now}}
        return {
            "phase": phase,
            "startTime": pod["status"].get("startTime") or now,
            "podIP": pod["status"].get("podIP") or f"127.32.{number // 250}.{number % 250 + 1}",
            "conditions": [*others, {"type": "Ready", "status": ready, "lastTransitionTime": now}],
            "containerStatuses": [
                {
                    "name": one["name"],
                    "image": one["image"],
                    "imageID": "",
                    "ready": ready == "True",
                    "restartCount": 0,
                    "state": state,
                }
                for one in pod["spec"]["containers"]
            ],
        }


async def until_cancelled(client: ApiClient) -> None:
    """Make a node, then play its kubelet."""
    try:
        await client.create(NODES, node())
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
    await client.update(NODES, node(), subresource="status")
    await asyncio.gather(PretendKubelet(client).run())
