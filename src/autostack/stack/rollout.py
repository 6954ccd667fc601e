"""Wait until a version runs on all pods of an application, and say on the way how far it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lightkube import AsyncClient
from lightkube.resources.apps_v1 import Deployment

from autostack.stack.applications import ApplicationState, get_state
from autostack.stack.credentials import NAMESPACE
from autostack.stack.errors import StepError
from autostack.stack.status import version_of

_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far a Deployment is; `updated` pods are of the version, `complete` when no other is left."""

    version: str
    updated: int
    wanted: int
    complete: bool


def read_rollout(deployment: Mapping[str, Any]) -> Rollout:
    """As `kubectl rollout status` judges it. Pure."""
    status, wanted = deployment.get("status") or {}, int(deployment["spec"].get("replicas", 1))
    seen = int(status.get("observedGeneration") or 0) >= int(deployment["metadata"].get("generation") or 0)
    updated = int(status.get("updatedReplicas") or 0) if seen else 0
    counts = (updated, int(status.get("replicas") or 0), int(status.get("availableReplicas") or 0))
    return Rollout(
        version=version_of(deployment),
        updated=updated,
        wanted=wanted,
        complete=seen and counts == (wanted, wanted, wanted),
    )


def taken_back(state: ApplicationState | None, app: str, version: str) -> str:
    """Why the release guard reverted the version, in its own words; empty when it did not. Pure."""
    message = state.message if state else ""
    return message if f"{app} {version} was reverted by " in message else ""


async def get_rollout(client: AsyncClient, app: str) -> Rollout:
    """How far the application's Deployment is now."""
    return read_rollout((await client.get(Deployment, app, namespace=NAMESPACE)).to_dict())


async def rolled_out(
    client: AsyncClient, app: str, version: str, say: Callable[[str], None], *, within_s: float
) -> None:
    """Wait until all pods run the version; raises StepError when the guard took it back, or time is up."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        now = await get_rollout(client, app)
        of_it = now.updated if now.version == version else 0
        say(f"{of_it} of {now.wanted} pods run {version}")
        if now.version == version and now.complete:
            return
        if why := taken_back(await get_state(client), app, version):
            raise StepError("rollout", why, remedy="`git log` of the origin's main has the revert")
        await asyncio.sleep(_LOOK_S)
    raise StepError(
        "rollout",
        f"{app} {version} did not run on all pods within {within_s:g} s",
        remedy="`autostack app get auto-stack` and `autostack kubectl get pods -A` show what is wrong",
    )
