"""Watches the releases of one application: looks when the cluster changes and every second, acts once.

The watch begins when a bump commit is what the application is at, and ends with the window, a revert, or a
newer release of the same app. After a restart the same commit is watched again from its rollout's age in
the status.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx2

from autostack.gitops import events
from autostack.gitops.application import Application, parse
from autostack.gitops.errors import GitopsError, RepositoryError, SpecError, UnreachableError
from autostack.gitops.guard import objective, prometheus, rollout
from autostack.gitops.guard.bump import Release, releases
from autostack.gitops.guard.revert import revert
from autostack.gitops.metrics import REVERTS
from autostack.gitops.moments import parsed
from autostack.gitops.objects import Object, annotations_of
from autostack.gitops.reconcile import Reconciler, World

log = logging.getLogger(__name__)
_LOOK_S = 1.0


@dataclass
class _Watch:
    """One release under watch."""

    commit: str
    release: Release
    began: datetime
    ready_since: datetime | None = None
    over: bool = False


class ReleaseGuard:
    """The guard of one application."""

    def __init__(self, world: World, reconciler: Reconciler, *, prometheus_url: str) -> None:
        self._world, self._reconciler, self._url = world, reconciler, prometheus_url
        self._changed = asyncio.Event()
        self._watches: dict[str, _Watch] = {}
        self._revision = ""

    def look(self) -> None:
        """Something changed in the cluster."""
        self._changed.set()

    async def run(self) -> None:
        """Guard until cancelled. What goes wrong here is told, and never stops the syncing."""
        async with httpx2.AsyncClient(timeout=3, trust_env=False) as http:
            while True:
                is_watching = any(not watch.over for watch in self._watches.values())
                try:
                    async with asyncio.timeout(_LOOK_S if is_watching else None):
                        await self._changed.wait()
                except TimeoutError:
                    pass
                self._changed.clear()
                try:
                    await self._turn(http)
                except GitopsError as error:
                    log.warning(
                        "guard",
                        extra={"fields": {"application": self._reconciler.key.name, "error": str(error)}},
                    )
                    await asyncio.sleep(_LOOK_S)

    async def _turn(self, http: httpx2.AsyncClient) -> None:
        obj = self._world.live.objects.get(self._reconciler.key)
        current = self._reconciler.desired.current
        if obj is None or current is None:
            return
        try:
            app, goal = parse(obj), objective.read(annotations_of(obj))
        except SpecError:
            return  # the reconciler shows it as a condition
        if not goal.enabled:
            self._watches.clear()
            return
        await self._begin(app, obj, current.revision)
        broken: dict[str, dict[Release, str]] = {}
        for watch in [watch for watch in self._watches.values() if not watch.over]:
            reason = await self._judge(http, obj, goal, watch)
            if reason:
                broken.setdefault(watch.commit, {})[watch.release] = reason
        for commit, found in broken.items():
            await self._revert(app, obj, commit, found)

    async def _begin(self, app: Application, obj: Object, revision: str) -> None:
        if revision == self._revision:
            return
        message = await self._world.mirrors.message(app.source.repo_url, revision)
        for release in releases(message):
            began = self._world.now()
            state = (obj.get("status") or {}).get("operationState") or {}
            if (state.get("syncResult") or {}).get("revision") == revision:
                began = parsed(state["startedAt"])
            self._watches[release.app] = _Watch(revision, release, began)
        self._revision = revision

    async def _judge(
        self, http: httpx2.AsyncClient, obj: Object, goal: objective.Objective, watch: _Watch
    ) -> str:
        live, now = self._world.live, self._world.now()
        seen = rollout.seen(watch.release, live.objects, live.owned_by(self._reconciler.key.name))
        if not seen.present:
            # Not rolled out yet, or replaced since: the operation's own state tells of a sync that fails.
            watch.over = self._is_superseded(watch)
            return ""
        if seen.ready and watch.ready_since is None:
            watch.ready_since = now
        ready_for_s = (now - watch.ready_since).total_seconds() if watch.ready_since else 0.0
        measured = await self._measure(http, watch, seen, ready_for_s)
        verdict = objective.judge(
            goal, measured, rollout_s=(now - watch.began).total_seconds(), ready_for_s=ready_for_s
        )
        watch.over = verdict.over
        if verdict.over and not verdict.broken:
            name = f"{watch.release.app} {watch.release.version}"
            note = f" ({verdict.note})" if verdict.note else ""
            await events.record(self._world.api, obj, "ReleaseKept", f"{name} held its objective{note}")
        return verdict.broken

    async def _measure(
        self, http: httpx2.AsyncClient, watch: _Watch, seen: rollout.Rollout, ready_for_s: float
    ) -> objective.Measured:
        values: dict[str, float | None] = dict.fromkeys(("requests", "failures", "p95"))
        if self._url and seen.pods and watch.ready_since is not None:
            try:
                for name, query in prometheus.queries(watch.release.app, seen.pods, ready_for_s).items():
                    values[name] = await prometheus.instant(http, self._url, query)
                values["requests"] = values["requests"] or 0.0
            except UnreachableError as error:
                log.debug("not measured", extra={"fields": {"error": str(error)}})
        requests = values["requests"]
        rate = (values["failures"] or 0.0) / requests if requests else None
        return objective.Measured(seen.ready, seen.failure, requests, rate, values["p95"])

    def _is_superseded(self, watch: _Watch) -> bool:
        return (self._world.now() - watch.began).total_seconds() > 600

    async def _revert(self, app: Application, obj: Object, commit: str, broken: dict[Release, str]) -> None:
        names = "; ".join(f"{release.app} {release.version}: {why}" for release, why in broken.items())
        try:
            made = await revert(app.source, commit, broken, self._cache())
        except GitopsError as error:
            await events.record(self._world.api, obj, "RevertFailed", f"{names}; {error}", warning=True)
            for release in broken:
                self._watches[release.app].over = not isinstance(error, RepositoryError)
            raise
        if made:
            REVERTS.labels(app.name).inc()
            self._reconciler.guard_note = f"{names}; reverted by {made[:12]}"
            await events.record(
                self._world.api, obj, "ReleaseReverted", f"{names}; reverted by {made}", warning=True
            )
            self._reconciler.refresh()

    def _cache(self) -> Path:
        return self._world.mirrors.cache
