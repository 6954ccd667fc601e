"""All applications of one namespace: each has a loop of its own, woken by what concerns it.

Wake by event: a change of the Application, of an object that it owns or wants, of its project. The timer
is only the safety net (a poll of Git, a retry). One application's trouble does not hold up another.
"""

from __future__ import annotations

import asyncio
import logging
import time

from autostack.gitops import tracking
from autostack.gitops.credentials import is_credential
from autostack.gitops.errors import ApiError, ConflictError, UnreachableError
from autostack.gitops.guard.watch import ReleaseGuard
from autostack.gitops.metrics import ERRORS, TURNS
from autostack.gitops.objects import Object, ObjectKey, is_being_deleted, metadata
from autostack.gitops.reconcile import Reconciler, World

log = logging.getLogger(__name__)
_GATHER_S = 0.02
_FIRST_BACKOFF_S, _LAST_BACKOFF_S = 0.2, 30.0


class ApplicationLoop:
    """One application's loop."""

    def __init__(self, reconciler: Reconciler, guard: ReleaseGuard) -> None:
        self.reconciler, self.guard = reconciler, guard
        self.wake = asyncio.Event()
        reconciler.wake = self.wake.set

    async def run(self) -> None:
        """Take turns until cancelled."""
        name, backoff_s = self.reconciler.key.name, _FIRST_BACKOFF_S
        self.wake.set()
        wait_s: float | None = None
        while True:
            try:
                async with asyncio.timeout(wait_s):
                    await self.wake.wait()
                await asyncio.sleep(_GATHER_S)  # several events of one change make one turn
            except TimeoutError:
                pass
            self.wake.clear()
            began = time.monotonic()
            try:
                wait_s = await self.reconciler.turn()
                self.guard.look()
                backoff_s = _FIRST_BACKOFF_S
            except ConflictError:
                # Someone changed the Application meanwhile; its event wakes us, and this turn is taken again.
                wait_s = _FIRST_BACKOFF_S
            except (ApiError, UnreachableError) as error:
                ERRORS.labels(name).inc()
                log.warning("turn failed", extra={"fields": {"application": name, "error": str(error)}})
                wait_s, backoff_s = backoff_s, min(backoff_s * 2, _LAST_BACKOFF_S)
            except Exception:  # a fault of ours over one Application must not end the others
                ERRORS.labels(name).inc()
                log.exception("turn broke", extra={"fields": {"application": name}})
                wait_s, backoff_s = backoff_s, min(backoff_s * 2, _LAST_BACKOFF_S)
            TURNS.labels(name).observe(time.monotonic() - began)


class Controller:
    """The loops. `hear` is the listener of the live state; `run` works while we lead."""

    def __init__(self, world: World, namespace: str, *, prometheus_url: str) -> None:
        self._world, self._namespace, self._prometheus_url = world, namespace, prometheus_url
        self._loops: dict[ObjectKey, ApplicationLoop] = {}
        self._tasks: dict[ObjectKey, list[asyncio.Task[None]]] = {}
        self._arrivals: asyncio.Queue[ObjectKey] = asyncio.Queue()

    def hear(self, key: ObjectKey, before: Object | None, after: Object | None) -> None:
        """One change of the cluster; wakes whom it concerns."""
        if self._is_application(key):
            if key not in self._loops or after is None:
                self._arrivals.put_nowait(key)
            elif before is None or _what_is_asked(before) != _what_is_asked(after):
                self._loops[key].wake.set()
        if (key.group, key.kind) == ("argoproj.io", "AppProject") or _is_leaving_claim(key, before, after):
            for loop in self._loops.values():
                loop.wake.set()
        if key.namespace == self._namespace and any(map(is_credential, filter(None, (before, after)))):
            for loop in self._loops.values():
                loop.reconciler.refresh()
        owners = {tracking.owner(obj) for obj in (before, after) if obj is not None}
        for loop in self._loops.values():
            if loop.reconciler.key.name in owners or key in loop.reconciler.watched:
                loop.wake.set()
            elif key.kind == "Pod":
                loop.guard.look()

    def _is_application(self, key: ObjectKey) -> bool:
        return (key.group, key.kind, key.namespace) == ("argoproj.io", "Application", self._namespace)

    async def run(self) -> None:
        """Reconcile until cancelled."""
        async with asyncio.TaskGroup() as group:
            for key in list(self._world.live.objects):
                if self._is_application(key):
                    self._start(group, key)
            while True:
                key = await self._arrivals.get()
                if key in self._world.live.objects:
                    self._start(group, key)
                else:
                    self._stop(key)

    def _start(self, group: asyncio.TaskGroup, key: ObjectKey) -> None:
        if key in self._loops:
            return
        reconciler = Reconciler(self._world, key)
        guard = ReleaseGuard(
            self._world, reconciler, prometheus_url=self._prometheus_url, announce=self._pushed
        )
        loop = self._loops[key] = ApplicationLoop(reconciler, guard)
        self._tasks[key] = [
            group.create_task(loop.run(), name=f"reconcile {key.name}"),
            group.create_task(guard.run(), name=f"guard {key.name}"),
        ]
        log.info("application found", extra={"fields": {"application": key.name}})

    def _pushed(self, repo_url: str) -> None:
        """We pushed to a repository: nobody else announces it to us (docs/decisions/0102)."""
        for loop in self._loops.values():
            if loop.reconciler.follows(repo_url):
                loop.reconciler.refresh()

    def _stop(self, key: ObjectKey) -> None:
        self._loops.pop(key, None)
        for task in self._tasks.pop(key, []):
            task.cancel()


def _is_leaving_claim(key: ObjectKey, before: Object | None, after: Object | None) -> bool:
    # Its deletion is told on the Application, also where a StatefulSet made the claim.
    if key.kind != "PersistentVolumeClaim" or before is None:
        return False
    return after is None or is_being_deleted(after) != is_being_deleted(before)


def _what_is_asked(app: Object) -> tuple[object, ...]:
    # Our own status writes must not wake us; a request to terminate comes through the status.
    meta = metadata(app)
    phase = ((app.get("status") or {}).get("operationState") or {}).get("phase")
    return (
        app.get("spec"),
        app.get("operation"),
        meta.get("annotations"),
        meta.get("labels"),
        meta.get("finalizers"),
        meta.get("deletionTimestamp"),
        phase == "Terminating",
    )
