"""Wait until the system works: the cluster is as Git says, healthy, and a problem was solved and shown."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import httpx2
from lightkube import AsyncClient
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import Pod

from autostack.stack.applications import NAME, NAMESPACE, Application, ApplicationState, get_state
from autostack.stack.credentials import NAMESPACE as WORKLOADS
from autostack.stack.errors import StepError
from autostack.stack.ingress import Ingress
from autostack.stack.status import list_workloads

Say = Callable[[str], None]
_LOOK_S, _LOOK_ANYWAY_S = 0.1, 0.5


async def first_result(client: AsyncClient, ingress: Ingress, *, within_s: float) -> str:
    """The newest stored result that the pages show, as `expression = result`, once a worker of this cluster
    has made it: another system may answer at the ingress's port.
    """
    stranger = ""

    async def look() -> str | None:
        nonlocal stranger
        found = await ingress.json("results", "/api/v1/results", limit="1")
        for row in (found or {}).get("results") or []:
            if row["worker"] in await _workers(client):
                return f"{row['expression']} = {row['result']}"
            stranger = row["worker"]
        return None

    def cause() -> str:
        foreign = f"; {ingress.url} shows results of {stranger!r}, no pod of this cluster" if stranger else ""
        return f"no problem was solved, stored and shown{foreign}"

    return await _until(look, within_s, "first result", cause, log=_log("auto-stack", "worker-node"))


def _log(namespace: str, deployment: str) -> str:
    return f"`autostack kubectl -n {namespace} logs deploy/{deployment}`"


async def _workers(client: AsyncClient) -> set[str]:
    found = client.list(Pod, namespace=WORKLOADS, labels={"app.kubernetes.io/name": "worker-node"})
    return {pod.metadata.name async for pod in found if pod.metadata and pod.metadata.name}


async def synced(client: AsyncClient, say: Say, *, within_s: float) -> str:
    """The revision at which the cluster is as Git says and every workload is ready; says what changes.

    An autoscaler is Progressing until it has measured its pods for a while; that is not waited for.
    """
    last = ""

    async def look() -> str | None:
        nonlocal last
        try:
            state = await get_state(client)
        except (ApiError, httpx2.HTTPError) as error:
            now = f"the Kubernetes API does not answer: {str(error)[:100]}"
        else:
            if state and (state.good or await _is_ready(client, state)):
                return state.revision
            now = (
                f"{state.sync or 'Unknown'}, {state.health or 'Unknown'} {state.message}"
                if state
                else "absent"
            )
        if now != last:
            say(now.strip()[:160])
            last = now
        return None

    changed = asyncio.Event()
    watching = asyncio.create_task(_watch(client, changed), name="watch the Application")
    try:
        return await _until(
            look,
            within_s,
            "sync",
            lambda: f"the Application is not synced and ready ({last[:300]})",
            log=_log("argocd", "autostack-gitops"),
            changed=changed,
            look_s=_LOOK_ANYWAY_S,
        )
    finally:
        watching.cancel()


async def _watch(client: AsyncClient, changed: asyncio.Event) -> None:
    """Set `changed` at every change of the Application; a watch that breaks begins again."""
    while True:
        with contextlib.suppress(ApiError, httpx2.HTTPError):
            async for _ in client.watch(Application, namespace=NAMESPACE, fields={"metadata.name": NAME}):
                changed.set()
        await asyncio.sleep(_LOOK_ANYWAY_S)


async def _is_ready(client: AsyncClient, state: ApplicationState) -> bool:
    done = (state.sync, state.health, state.operation) == ("Synced", "Progressing", "Succeeded")
    return done and all(one.complete for one in await list_workloads(client))


async def _until(
    look: Callable[[], Awaitable[str | None]],
    within_s: float,
    step: str,
    cause: Callable[[], str],
    *,
    log: str,
    changed: asyncio.Event | None = None,
    look_s: float = _LOOK_S,
) -> str:
    """Look until there is an answer: at every change, and every `look_s` anyway."""
    changed = changed or asyncio.Event()
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        changed.clear()
        found = await look()
        if found is not None:
            return found
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), look_s)
    raise StepError(
        step,
        f"{cause()} within {within_s:g} s",
        log=log,
        remedy="`autostack status` and `autostack kubectl get pods -A` show what is wrong",
    )
