"""Switching the chaos agent: it is a Deployment of the stack with 0 replicas, so off is the state in Git.

`start` scales it to 1 and writes how long its days are; `stop` scales it back; `once` runs its image in a Job
that attacks each target once. The Application ignores the replicas, so the loop does not undo it.
"""

from __future__ import annotations

import copy
import secrets
from dataclasses import dataclass
from typing import Any, cast

import httpx2
from lightkube import AsyncClient
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import ConfigMap, Event

from autostack.errors import UnavailableError
from autostack.resilience.errors import ProofError
from autostack.resilience.observer import CHAOS_REASON, unavailable

NAMESPACE = "auto-stack"
AGENT = "chaos-agent"
PACE = "chaos-pace"
_KEEP_JOB_S = 600


@dataclass(frozen=True, slots=True)
class ChaosStatus:
    """Whether the agent runs, how long its day is, and the kills that the cluster still remembers."""

    wanted: bool
    ready: bool
    day_s: float | None
    kills: list[dict[str, str]]


class Chaos:
    """The switch, on one cluster."""

    def __init__(self, client: AsyncClient, namespace: str = NAMESPACE) -> None:
        self._client = client
        self._namespace = namespace

    async def start(self, *, day_s: float) -> None:
        """Let the agent attack; a day of `kube-monkey/mtbf` then takes `day_s` seconds."""
        agent = await self._agent()
        pace = ConfigMap(
            metadata=ObjectMeta(name=PACE, namespace=self._namespace), data={"DAY_S": f"{day_s:g}"}
        )
        try:
            await self._client.apply(pace, field_manager="autostack", force=True)
            if self._replicas(agent) > 0:  # it reads the pace at its start
                await self._scale(0)
            await self._scale(1)
        except (ApiError, httpx2.HTTPError) as error:
            raise unavailable(error) from error

    async def stop(self) -> None:
        """Let it stop; harmless when it does not run."""
        await self._agent()
        try:
            await self._scale(0)
        except (ApiError, httpx2.HTTPError) as error:
            raise unavailable(error) from error

    async def once(self) -> str:
        """Begin one attack on each target; returns the Job's name."""
        job = one_attack((await self._agent()).to_dict(), name=f"chaos-once-{secrets.token_hex(3)}")
        try:
            await self._client.create(cast("Job", Job.from_dict(job)))
        except (ApiError, httpx2.HTTPError) as error:
            raise unavailable(error) from error
        return str(job["metadata"]["name"])

    async def wait_for(self, job: str) -> None:
        """Wait for the end of an attack; raises ProofError when it failed."""
        try:
            async for _, seen in self._client.watch(
                Job, namespace=self._namespace, fields={"metadata.name": job}
            ):
                status = seen.status
                for condition in (status.conditions if status else None) or []:
                    if condition.status == "True" and condition.type in ("Complete", "Failed"):
                        if condition.type == "Failed":
                            raise ProofError(
                                f"the attack {job} failed; its log tells why:"
                                f" autostack kubectl -n {self._namespace} logs job/{job}"
                            )  # fmt: skip
                        return
        except (ApiError, httpx2.HTTPError) as error:
            raise unavailable(error) from error

    async def status(self) -> ChaosStatus:
        """What is set and what was done, the latest kill first."""
        agent = await self._agent()
        try:
            events = [
                event
                async for event in self._client.list(
                    Event, namespace=self._namespace, fields={"reason": CHAOS_REASON}
                )
            ]
            pace = await self._pace()
        except (ApiError, httpx2.HTTPError) as error:
            raise unavailable(error) from error
        kills = [
            {
                "at": str(event.eventTime or event.lastTimestamp),
                "pod": event.involvedObject.name or "",
                "message": event.message or "",
            }
            for event in events
        ]
        return ChaosStatus(
            wanted=self._replicas(agent) > 0,
            ready=bool(agent.status and agent.status.readyReplicas),
            day_s=pace,
            kills=sorted(kills, key=lambda kill: kill["at"], reverse=True),
        )

    async def _agent(self) -> Deployment:
        try:
            return await self._client.get(Deployment, AGENT, namespace=self._namespace)
        except ApiError as error:
            if error.status.code == httpx2.codes.NOT_FOUND:
                raise UnavailableError(
                    f"there is no Deployment {AGENT} in {self._namespace}; run `autostack up` first"
                ) from error
            raise unavailable(error) from error
        except httpx2.HTTPError as error:
            raise unavailable(error) from error

    async def _pace(self) -> float | None:
        try:
            found = await self._client.get(ConfigMap, PACE, namespace=self._namespace)
        except ApiError as error:
            if error.status.code == httpx2.codes.NOT_FOUND:
                return None
            raise
        return float((found.data or {}).get("DAY_S", 0)) or None

    async def _scale(self, replicas: int) -> None:
        await self._client.patch(
            Deployment, AGENT, {"spec": {"replicas": replicas}}, namespace=self._namespace
        )

    @staticmethod
    def _replicas(agent: Deployment) -> int:
        replicas = agent.spec.replicas
        return 1 if replicas is None else replicas


def one_attack(agent: dict[str, Any], *, name: str) -> dict[str, Any]:
    """The Job that runs the agent's own pod once: the same image, identity and limits, without probes."""
    template = copy.deepcopy(agent["spec"]["template"])
    pod = template["spec"]
    pod["restartPolicy"] = "Never"
    for container in pod["containers"]:
        container["args"] = ["once"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe", "ports"):
            container.pop(probe, None)
    labels = {"app.kubernetes.io/name": "chaos-once", "app.kubernetes.io/part-of": "auto-stack"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": agent["metadata"]["namespace"], "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": _KEEP_JOB_S,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
