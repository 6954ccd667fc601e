"""What a person asks of an Application, as writes to the Application: the controller does the rest.

A request is refused where argocd refuses it: while another operation runs, and a rollback while automated
sync is on.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from typing import Any

from autostack.errors import AutostackError, UsageError
from autostack.gitops.api import APPLICATIONS, KubernetesApi
from autostack.gitops.application import parse
from autostack.gitops.errors import NotFoundError
from autostack.gitops.objects import REFRESH, Object, metadata

NAMESPACE = "argocd"
_LOOK_S = 0.1


class TimedOutError(AutostackError):
    """The condition did not come in time; argocd's exit code."""

    exit_code = 20


async def get(api: KubernetesApi, name: str) -> Object:
    """The Application; UsageError when there is none of that name."""
    try:
        return await api.get(APPLICATIONS, name, NAMESPACE)
    except NotFoundError as error:
        raise UsageError(
            f"there is no Application {name!r} in {NAMESPACE}; see `autostack app list`"
        ) from error


async def refresh(api: KubernetesApi, name: str, *, within_s: float = 60) -> Object:
    """Have Git looked at now, and wait until that is done."""
    await get(api, name)
    body = {"metadata": {"annotations": {REFRESH: "normal"}}}
    await api.merge(APPLICATIONS, name, NAMESPACE, body)
    return await until(
        api,
        name,
        lambda app: REFRESH not in (metadata(app).get("annotations") or {}),
        within_s,
        "the refresh",
    )


async def sync(api: KubernetesApi, name: str, request: Object) -> Object:
    """Start a sync: `request` is the operation's sync field."""
    app = await get(api, name)
    if app.get("operation"):
        raise AutostackError("another operation is already in progress; see `autostack app wait --operation`")
    policy = (app["spec"].get("syncPolicy") or {}) if isinstance(app.get("spec"), dict) else {}
    operation: Object = {
        "sync": {"syncOptions": policy.get("syncOptions") or [], **request},
        "initiatedBy": {"username": "autostack"},
    }
    if policy.get("retry"):
        operation["retry"] = policy["retry"]
    body = {"metadata": {"resourceVersion": metadata(app)["resourceVersion"]}, "operation": operation}
    return await api.merge(APPLICATIONS, name, NAMESPACE, body)


async def rollback(api: KubernetesApi, name: str, history_id: int | None, *, prune: bool) -> Object:
    """Sync to an entry of the history, the one before the newest by default."""
    app = await get(api, name)
    if parse(app).automated is not None:
        raise UsageError(
            "rollback cannot be initiated when auto-sync is enabled; revert the commit "
            "in Git instead, or remove "
            "spec.syncPolicy.automated first"
        )
    history = (app.get("status") or {}).get("history") or []
    if history_id is None:
        if len(history) < 2:
            raise UsageError(f"{name} has no earlier deployment to roll back to")
        entry = history[-2]
    else:
        found = [one for one in history if one["id"] == history_id]
        if not found:
            raise UsageError(f"{name} has no deployment {history_id}; see `autostack app history {name}`")
        entry = found[0]
    return await sync(
        api, name, {"revision": entry["revision"], "source": copy.deepcopy(entry["source"]), "prune": prune}
    )


async def until(
    api: KubernetesApi, name: str, is_so: Callable[[Object], bool], within_s: float, what: str
) -> Object:
    """Look at the Application until it is so; TimedOutError when it does not become so."""
    app: Object = {}

    async def look() -> bool:
        nonlocal app
        app = await get(api, name)
        return is_so(app)

    await _look(look, within_s, lambda: f"{what} of {name}: {summary(app)}")
    return app


async def until_gone(api: KubernetesApi, name: str, within_s: float) -> None:
    """Look until there is no such Application; TimedOutError when it stays."""

    async def look() -> bool:
        try:
            await api.get(APPLICATIONS, name, NAMESPACE)
        except NotFoundError:
            return True
        return False

    await _look(look, within_s, lambda: f"the deletion of {name}")


async def _look(look: Callable[[], Awaitable[bool]], within_s: float, missed: Callable[[], str]) -> None:
    deadline = time.monotonic() + within_s
    while not await look():
        if time.monotonic() > deadline:
            raise TimedOutError(f"timed out ({within_s:g} s) waiting for {missed()}")
        await asyncio.sleep(_LOOK_S)


def is_settled(app: Object, *, synced: bool, healthy: bool, idle: bool) -> bool:
    """Whether the Application is all that is asked for."""
    status: Object = app.get("status") or {}
    phase = (status.get("operationState") or {}).get("phase")
    return (
        (not synced or (status.get("sync") or {}).get("status") == "Synced")
        and (not healthy or (status.get("health") or {}).get("status") == "Healthy")
        and (not idle or (not app.get("operation") and phase != "Running"))
    )


def summary(app: Object) -> str:
    """The state in half a line."""
    status: Any = app.get("status") or {}
    operation = status.get("operationState") or {}
    return (
        f"sync {(status.get('sync') or {}).get('status', 'Unknown')}, "
        f"health {(status.get('health') or {}).get('status', 'Unknown')}, "
        f"operation {operation.get('phase', 'none')}: {operation.get('message', '')}"
    )
