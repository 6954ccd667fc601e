"""Watches the releases of one application: looks when the cluster changes and every second, acts once.

Under watch is every release that the manifests name now and that was not judged yet, so no release slips
through between two pushes, and one that a revert brings back is judged in its turn. That a release was
kept is an annotation on the Application, that it was reverted is in Git: a restart asks them and forgets
nothing. Only time in which the guard watches counts, so a system that was down is not blamed for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import httpx2

from autostack.gitops import events
from autostack.gitops.api import APPLICATIONS
from autostack.gitops.application import Application, parse
from autostack.gitops.desired import Rendered
from autostack.gitops.errors import (
    GitopsError,
    NothingEarlierError,
    RevertError,
    SpecError,
    UnreachableError,
)
from autostack.gitops.guard import objective, prometheus, rollout
from autostack.gitops.guard.bump import (
    Release,
    alone_until_s,
    image_references,
    latest_reverts,
    standing,
)
from autostack.gitops.guard.kept import KEPT, is_kept, with_kept
from autostack.gitops.guard.revert import revert
from autostack.gitops.metrics import REVERTS
from autostack.gitops.objects import Object, annotations_of, metadata
from autostack.gitops.reconcile import Reconciler, World

log = logging.getLogger(__name__)
_LOOK_S = 1.0
_REVERT_RETRY_S = 10.0
_BEFORE_S = 60.0


@dataclass
class _Watch:
    """One release under watch; moments are those of our own looks, but for that in Git until which the
    version before served alone.
    """

    commit: str
    release: Release
    alone_until_s: float | None = None
    before: objective.Traffic | None = None
    present_since: datetime | None = None
    ready_since: datetime | None = None
    breach_since: datetime | None = None
    failed_at: datetime | None = None
    trouble: str = ""
    hopeless: str = ""
    over: bool = False

    @property
    def name(self) -> str:
        return f"{self.release.app} {self.release.version}"


class ReleaseGuard:
    """The guard of one application. `announce` is told the address of a repository that it pushed to."""

    def __init__(
        self,
        world: World,
        reconciler: Reconciler,
        *,
        prometheus_url: str,
        announce: Callable[[str], None],
    ) -> None:
        self._world, self._reconciler, self._url = world, reconciler, prometheus_url
        self._announce = announce
        self._changed = asyncio.Event()
        self._watches: dict[str, _Watch] = {}
        self._looked_at: Rendered | None = None
        self._reverted: dict[str, str] = {}

    def look(self) -> None:
        """Something changed in the cluster."""
        self._changed.set()

    async def run(self) -> None:
        """Guard until cancelled. What goes wrong here is told, and never stops the syncing."""
        async with httpx2.AsyncClient(timeout=3, trust_env=False) as http:
            while True:
                is_watching = any(watch.present_since and not watch.over for watch in self._watches.values())
                try:
                    async with asyncio.timeout(_LOOK_S if is_watching else None):
                        await self._changed.wait()
                except TimeoutError:
                    pass
                self._changed.clear()
                try:
                    await self._turn(http)
                except Exception as error:  # GitopsError, or a fault of ours
                    fields = {"application": self._reconciler.key.name, "error": str(error)}
                    log.warning(
                        "guard", exc_info=not isinstance(error, GitopsError), extra={"fields": fields}
                    )
                    await asyncio.sleep(_LOOK_S)
                    self._changed.set()

    async def _turn(self, http: httpx2.AsyncClient) -> None:
        obj = self._world.live.objects.get(self._reconciler.key)
        current = self._reconciler.desired.current
        if obj is None or current is None:
            return
        try:
            app = parse(obj)
        except SpecError:
            return  # the reconciler shows it as a condition
        goal, problems = objective.read(annotations_of(obj))
        if not goal.enabled:
            self._watches.clear()
            self._looked_at = None
            self._tell(problems)
            return
        await self._begin(app, obj, current)
        broken: dict[str, dict[Release, str]] = {}
        for watch in [watch for watch in self._watches.values() if not watch.over]:
            reason = await self._judge(http, obj, goal, watch)
            if watch.hopeless:
                watch.trouble = f"{watch.name}: {reason}; not reverted: {watch.hopeless}" if reason else ""
            elif reason:
                broken.setdefault(watch.commit, {})[watch.release] = reason
        for commit, found in broken.items():
            await self._revert(app, obj, commit, found)
        troubles = [watch.trouble for watch in self._watches.values() if watch.trouble]
        self._tell([*problems, *self._reverted.values(), *troubles])

    def _tell(self, notes: list[str]) -> None:
        note = "; ".join(notes)
        if note != self._reconciler.guard_note:
            self._reconciler.guard_note = note
            self._reconciler.wake()

    async def _begin(self, app: Application, obj: Object, current: Rendered) -> None:
        """Watch what the manifests name since they changed."""
        if current is self._looked_at:
            return
        history = await self._world.mirrors.releases(app.source.repo_url, current.revision)
        named = image_references([json.dumps(manifest) for manifest in current.manifests])
        watches: dict[str, _Watch] = {}
        annotations = annotations_of(obj)
        for name, (commit, release) in standing(history, named).items():
            known = self._watches.get(name)
            if known is not None and known.commit == commit:
                watches[name] = known
            elif not is_kept(annotations, name, commit):
                until_s = alone_until_s(history, name, commit, partial(is_kept, annotations, name))
                watches[name] = _Watch(commit, release, until_s)
        self._watches, self._reverted, self._looked_at = watches, latest_reverts(history), current

    async def _judge(
        self, http: httpx2.AsyncClient, obj: Object, goal: objective.Objective, watch: _Watch
    ) -> str:
        """Why the release must go, "" for no reason yet."""
        live, now = self._world.live, self._world.now()
        if watch.failed_at is not None and _since_s(watch.failed_at, now) < _REVERT_RETRY_S:
            return ""
        seen = rollout.seen(watch.release, live.objects, live.owned_by(self._reconciler.key.name))
        if not seen.present:
            return ""  # not rolled out yet: of a sync that fails its own operation tells
        watch.present_since = watch.present_since or now
        if seen.ready:
            watch.ready_since = watch.ready_since or now
        ready_for_s = _since_s(watch.ready_since, now)
        verdict = objective.judge(
            goal,
            await self._measure(http, watch, seen),
            rollout_s=_since_s(watch.present_since, now),
            ready_for_s=ready_for_s,
            breached_for_s=_since_s(watch.breach_since, now),
        )
        watch.breach_since = (watch.breach_since or now) if verdict.breach else None
        if verdict.over and not verdict.broken:
            await self._keep(obj, watch)
            note = f" ({verdict.note})" if verdict.note else ""
            await events.record(self._world.api, obj, "ReleaseKept", f"{watch.name} held its objective{note}")
        return verdict.broken

    async def _measure(
        self, http: httpx2.AsyncClient, watch: _Watch, seen: rollout.Rollout
    ) -> objective.Measured:
        traffic = objective.UNMEASURED
        if self._url and seen.pods and watch.ready_since is not None:
            app = watch.release.app
            try:
                asked = prometheus.queries(app, prometheus.of_pods(seen.pods))
                traffic = await prometheus.traffic(http, self._url, asked)
                if watch.before is None and watch.alone_until_s is not None:
                    where = prometheus.of_application(app, seen.pods[0][0])
                    asked = prometheus.at_best(prometheus.queries(app, where), _BEFORE_S)
                    watch.before = await prometheus.traffic(http, self._url, asked, at=watch.alone_until_s)
            except UnreachableError as error:
                log.debug("not measured", extra={"fields": {"error": str(error)}})
        before = watch.before or objective.UNMEASURED
        return objective.Measured(seen.ready, seen.failure, traffic, before)

    async def _keep(self, obj: Object, watch: _Watch) -> None:
        """Judged: a later controller does not judge it again."""
        present = self._world.live.objects.get(self._reconciler.key, obj)
        value = with_kept(annotations_of(present), watch.release.app, watch.commit)
        body = {"metadata": {"annotations": {KEPT: value}}}
        meta = metadata(obj)
        self._world.live.observe(
            await self._world.api.merge(APPLICATIONS, meta["name"], meta["namespace"], body)
        )
        watch.over, watch.trouble = True, ""

    async def _revert(self, app: Application, obj: Object, commit: str, broken: dict[Release, str]) -> None:
        watches = [self._watches[release.app] for release in broken]
        names = "; ".join(f"{release.app} {release.version}: {why}" for release, why in broken.items())
        try:
            made = await revert(self._world.mirrors, app.source, commit, broken, _deployed(obj))
        except (NothingEarlierError, RevertError) as error:
            text = f"{names}; not reverted: {error}"
            if any(watch.trouble != text for watch in watches):
                await events.record(self._world.api, obj, "RevertFailed", text, warning=True)
            for watch in watches:
                watch.trouble, watch.failed_at = text, self._world.now()
                if isinstance(error, NothingEarlierError):
                    # It stays under watch: what cannot be reverted may still become well.
                    watch.hopeless, watch.failed_at = str(error), None
            return
        for watch in watches:
            watch.over = True
        if not made:
            left = f"{names}; its commit was reverted once, so this time it is left to you"
            await events.record(self._world.api, obj, "ReleaseLeft", left, warning=True)
            return
        REVERTS.labels(app.name).inc()
        text = f"{names}; reverted by {made}"
        await events.record(self._world.api, obj, "ReleaseReverted", text, warning=True)
        self._announce(app.source.repo_url)


def _deployed(obj: Object) -> list[str]:
    """The revisions that were deployed here."""
    return [entry["revision"] for entry in (obj.get("status") or {}).get("history") or []]


def _since_s(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else (now - moment).total_seconds()
