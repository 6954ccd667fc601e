"""One application's turn: look at Git and the cluster, decide, act, write the status; then wait to be
woken.

Every turn begins from the Application as it is stored, so a turn that was cut off by a crash or a conflict
is simply taken again. All writes carry the resourceVersion that the turn began with: a request that came
in between is not lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from autostack.gitops import events, operation, project, pruning, status
from autostack.gitops.api import APPLICATIONS, KubernetesApi
from autostack.gitops.application import Application, parse, parse_options, parse_retry, parse_source
from autostack.gitops.comparison import (
    OUT_OF_SYNC,
    UNKNOWN,
    Comparison,
    Desired,
    compare_all,
    desired_objects,
)
from autostack.gitops.desired import DesiredState, Rendered, namespaced_by
from autostack.gitops.errors import SourceError, SpecError
from autostack.gitops.live import LiveState
from autostack.gitops.moments import rfc3339
from autostack.gitops.objects import (
    REFRESH,
    RESOURCES_FINALIZER,
    Object,
    ObjectKey,
    annotations_of,
    is_being_deleted,
    metadata,
)
from autostack.gitops.plan import (
    ERROR,
    FAILED,
    RUNNING,
    SUCCEEDED,
    Finish,
    Run,
    Task,
    next_step,
    progressed,
)
from autostack.gitops.source import Mirrors
from autostack.gitops.sync import Sync

PROBLEM_RETRY_S = 10.0


@dataclass(frozen=True, slots=True)
class _Ending:
    """An operation that ends before its steps are through."""

    phase: str
    message: str
    tasks: list[Task]
    final: bool


@dataclass(frozen=True, slots=True)
class World:
    """What a turn works with."""

    api: KubernetesApi
    live: LiveState
    mirrors: Mirrors
    now: Callable[[], datetime]
    poll_s: float


class Reconciler:
    """One application. `turn` does one turn and returns in how many seconds it wants the next at the
    latest.
    """

    def __init__(self, world: World, key: ObjectKey) -> None:
        self._world, self.key = world, key
        self.desired = DesiredState(world.mirrors)
        self.watched: frozenset[ObjectKey] = frozenset()
        self._obj: Object = {}
        self._looked_at: datetime | None = None
        self._looked_for: Object = {}
        self._drifted_at: datetime | None = None
        self.guard_note = ""
        self.wake: Callable[[], None] = _nothing

    def refresh(self) -> None:
        """Look at Git in the next turn, and take that turn now."""
        self._looked_at = None
        self.wake()

    def follows(self, repo_url: str) -> bool:
        """Whether the application's desired state is in that repository."""
        return self.desired.current is not None and self.desired.current.source.repo_url == repo_url

    async def turn(self) -> float | None:
        """One turn; ConflictError and UnreachableError mean: take it again."""
        found = self._world.live.objects.get(self.key)
        if found is None:
            return None
        self._obj = found
        if is_being_deleted(found):
            return await self._delete_resources()
        before: Object = found.get("status") or {}
        problems: dict[str, str] = {}
        try:
            app = parse(found)
            rendered, refreshed = await self._look(app, problems)
            if rendered is None:
                unknown = {"status": UNKNOWN, "comparedTo": status.compared_to(app)}
                await self._write({**before, "sync": {**(before.get("sync") or {}), **unknown}}, problems)
                return PROBLEM_RETRY_S
            desired, comparison = self._compare(app, rendered)
            self._check_project(app, desired, problems)
        except SpecError as error:
            sync = {
                "comparedTo": {"source": {"repoURL": ""}, "destination": {}},
                **(before.get("sync") or {}),
            }
            after = {**before, "sync": {**sync, "status": UNKNOWN}, "health": {"status": UNKNOWN}}
            await self._write(after, {"InvalidSpecError": str(error)})
            return None
        after = {
            **before,
            **status.compared(app, comparison, rendered.revision, is_current=not self.desired.problem),
            "sourceType": rendered.source_type,
            "controllerNamespace": self.key.namespace,
        }
        if refreshed:
            after["reconciledAt"] = rfc3339(self._world.now())
        problems |= self._warnings(app, desired, comparison)
        wait_s = await self._operate(app, comparison, after, problems)
        polls_s = PROBLEM_RETRY_S if self.desired.problem else self._world.poll_s
        return min(wait_s, polls_s) if wait_s is not None else polls_s

    def _warnings(self, app: Application, desired: list[Desired], comparison: Comparison) -> dict[str, str]:
        found = {
            "OrphanedDataWarning": status.refused_prunes(comparison),
            "DataDeletionWarning": status.leaving_claims(app, self._world.live.objects),
            "SharedResourceWarning": "; ".join(status.shared(app, comparison)),
            "RepeatedResourceWarning": "; ".join(status.repeated(desired)),
            "ReleaseGuardWarning": self.guard_note,
        }
        return {name: message for name, message in found.items() if message}

    async def _look(self, app: Application, problems: dict[str, str]) -> tuple[Rendered | None, bool]:
        """The desired state; Git is asked when a refresh is requested, the source changed, or the time has
        come.
        """
        now = self._world.now()
        due_s = PROBLEM_RETRY_S if self.desired.problem else self._world.poll_s
        is_due = self._looked_at is None or (now - self._looked_at).total_seconds() >= due_s
        asked = REFRESH in annotations_of(self._obj)
        if asked or is_due or self._looked_for != app.source.raw:
            await self.desired.look(app)
            self._looked_at, self._looked_for, is_due = now, app.source.raw, True
        if self.desired.problem:
            problems["ComparisonError"] = self.desired.problem
        return self.desired.current, asked or is_due

    def _compare(self, app: Application, rendered: Rendered) -> tuple[list[Desired], Comparison]:
        live = self._world.live

        def scope(obj: Object) -> bool | None:
            kind = live.kinds.of(obj)
            return None if kind is None else kind.namespaced

        desired = desired_objects(rendered.manifests, app, namespaced_by(scope, rendered.manifests))
        comparison = compare_all(app, desired, live.objects, live.owned_by(app.name))
        self.watched |= {item.key for item in desired}
        return desired, comparison

    def _check_project(self, app: Application, desired: list[Desired], problems: dict[str, str]) -> None:
        key = ObjectKey("argoproj.io", "AppProject", app.namespace, app.project)
        found = self._world.live.objects.get(key)
        if found is None:
            if app.project != "default":
                raise SpecError(
                    f"application references project {app.project} which does not exist; apply the AppProject"
                )
            return
        project.check_application(found, app)
        if refused := project.refused_objects(found, [item.key for item in desired]):
            problems["InvalidSpecError"] = "; ".join(refused[:5])

    async def _operate(
        self,
        app: Application,
        comparison: Comparison,
        after: Object,
        problems: dict[str, str],
    ) -> float | None:
        now, state = self._world.now(), after.get("operationState")
        requested = self._obj.get("operation")
        revision = after["sync"]["revision"]
        if state is not None and state.get("phase") in {RUNNING, operation.TERMINATING}:
            return await self._continue(app, after, problems)
        if requested is not None and "InvalidSpecError" not in problems:
            return await self._begin(app, requested, after, problems)
        if "InvalidSpecError" in problems:
            await self._write(after, problems)
            return None
        is_drifting = comparison.sync_status == OUT_OF_SYNC
        self._drifted_at = (self._drifted_at or now) if is_drifting else None
        verdict = operation.automatic(
            app, comparison, revision, state, now, drifted_at=self._drifted_at or now
        )
        if isinstance(verdict, operation.Begin):
            return await self._begin(app, verdict.operation, after, problems)
        if verdict.error:
            problems["SyncError"] = verdict.error
        await self._write(after, problems)
        return verdict.again_in_s

    async def _begin(
        self, app: Application, requested: Object, after: Object, problems: dict[str, str]
    ) -> float | None:
        """Store the operation as running, then go on with it: what is not stored has not begun."""
        now, sync = self._world.now(), requested.get("sync") or {}
        try:
            source = (
                parse_source(sync["source"], "operation.sync.source") if sync.get("source") else app.source
            )
            commit = await self.desired.resolve(source, sync.get("revision", ""))
            state = operation.started(requested, revision=commit, source=source.raw, now=now)
        except (SpecError, SourceError) as error:
            state = operation.started(requested, revision="", source=app.source.raw, now=now)
            failed = {**state, "phase": ERROR, "message": str(error), "finishedAt": rfc3339(now)}
            await self._write({**after, "operationState": failed}, problems, operation_field=None)
            return None
        who = "automated sync" if (requested.get("initiatedBy") or {}).get("automated") else "sync"
        after = {**after, "operationState": state}
        await self._write(after, problems, operation_field=requested)
        await events.record(self._world.api, self._obj, "OperationStarted", f"Initiated {who} to '{commit}'")
        return await self._continue(app, after, problems)

    async def _continue(self, app: Application, after: Object, problems: dict[str, str]) -> float | None:
        """Take the operation as far as it goes now."""
        state: Object = after["operationState"]
        try:
            retry = parse_retry(state["operation"].get("retry") or {"limit": 0})
            wait_s = operation.retry_wait_s(state, retry, self._world.now())
            if wait_s:
                if newer := self._newer_revision(state):
                    return await self._supersede(after, problems, newer)
                await self._write(after, problems)
                return wait_s
            if wait_s == 0:
                after = {**after, "operationState": operation.retried(state)}
            return await self._advance(app, after, problems)
        except (SpecError, SourceError) as error:
            return await self._finish(after, problems, ERROR, str(error), final=True)

    async def _advance(self, app: Application, after: Object, problems: dict[str, str]) -> float | None:
        """Step after step, each stored before the next, until there is something to wait for or it is
        over.
        """
        state: Object = after["operationState"]
        options = parse_options((state["operation"].get("sync") or {}).get("syncOptions") or [])
        source = parse_source(state["syncResult"]["source"])
        rendered = await self.desired.at(source, state["syncResult"]["revision"])
        while True:
            desired, comparison = self._compare(app, rendered)
            sync = Sync(self._world.api, self._world.live, app, options, state)
            tasks = sync.tasks(desired, comparison)
            shared = status.shared(app, comparison) if options.fail_on_shared_resource else []
            ending = await self._ends_early(sync, tasks, state, shared)
            if ending is not None:
                after = {**after, "operationState": operation.with_tasks(state, ending.tasks, "")}
                return await self._finish(after, problems, ending.phase, ending.message, final=ending.final)
            tasks = progressed(tasks)
            step = next_step(tasks)
            if isinstance(step, Run):
                state, moved = await self._run(sync, step, tasks, state)
                after = {**after, "operationState": state}
                await self._write(after, problems)
                if moved:
                    continue
                return None
            after = {**after, "operationState": operation.with_tasks(state, tasks, step.message)}
            if isinstance(step, Finish):
                await self._delete_all(sync, step.delete)
                return await self._finish(after, problems, step.phase, step.message, final=False)
            newer = self._newer_revision(state)
            if newer and not any(task.hook and task.is_running for task in tasks):
                return await self._supersede(after, problems, newer)
            await self._write(after, problems)
            return None

    async def _ends_early(
        self, sync: Sync, tasks: list[Task], state: Object, shared: list[str]
    ) -> _Ending | None:
        """A request to terminate, or the dry run that comes before the first step; None = go on."""
        if state["phase"] == operation.TERMINATING:
            await self._delete_all(sync, [task for task in tasks if task.hook and task.is_running])
            return _Ending(FAILED, "Operation terminated", [], final=True)
        if state["syncResult"].get("resources"):
            return None
        if shared:
            return _Ending(FAILED, f"Shared resource found: {'; '.join(shared)}", [], final=True)
        refused = await sync.dry_run(tasks)
        if refused:
            reasons = "; ".join(dict.fromkeys(task.outcome.message for task in refused))
            message = f"one or more objects failed to apply (dry run): {reasons}"
            return _Ending(FAILED, message, refused, final=False)
        if (state["operation"].get("sync") or {}).get("dryRun"):
            return _Ending(SUCCEEDED, "successfully synced (dry run)", [], final=True)
        return None

    async def _run(self, sync: Sync, step: Run, tasks: list[Task], state: Object) -> tuple[Object, bool]:
        done = {(task.phase, task.key): task for task in await sync.run(step.tasks)}
        moved = any(not task.is_pending for task in done.values())
        merged = [done.get((task.phase, task.key), task) for task in tasks]
        message = "one or more tasks are running" if moved else "waiting for deletion of earlier objects"
        return operation.with_tasks(state, merged, message), moved

    def _newer_revision(self, state: Object) -> str:
        """The revision that makes an automated sync to an older one pointless; "" for none."""
        current = self.desired.current
        automated = (state["operation"].get("initiatedBy") or {}).get("automated")
        if not automated or current is None or self.desired.problem:
            return ""
        return current.revision if current.revision != state["syncResult"]["revision"] else ""

    async def _delete_all(self, sync: Sync, tasks: list[Task]) -> None:
        for task in tasks:
            await sync.delete(task)

    async def _supersede(self, after: Object, problems: dict[str, str], newer: str) -> float | None:
        """End the operation in favour of a newer commit: failed in Argo CD's words, and nobody's trouble."""
        message, event = f"superseded by {newer}", "OperationSuperseded"
        return await self._finish(after, problems, FAILED, message, final=True, event=event)

    async def _finish(
        self,
        after: Object,
        problems: dict[str, str],
        phase: str,
        message: str,
        *,
        final: bool,
        event: str = "",
    ) -> float | None:
        """End the operation; unless that is `final`, a failure may be tried again as its retry
        strategy says. `event` is the reason to tell when the end is no failure.
        """
        now, state = self._world.now(), after["operationState"]
        plan = parse_retry({"limit": 0} if final else state["operation"].get("retry") or {"limit": 0})
        state = operation.ended(state, phase=phase, message=message, retry=plan, now=now)
        after = {**after, "operationState": state}
        if state["phase"] == RUNNING:
            await self._write(after, problems)
            return operation.retry_wait_s(state, plan, now)
        app = parse(self._obj)
        after["history"] = operation.with_history(
            list(after.get("history") or []), state, limit=app.history_limit, now=now
        )
        if not after["history"]:
            del after["history"]
        if self.desired.current is not None:
            _, comparison = self._compare(app, self.desired.current)
            compared = status.compared(
                app, comparison, self.desired.current.revision, is_current=not self.desired.problem
            )
            after = {**after, **compared}
        await self._write(after, problems, operation_field=None)
        if phase == SUCCEEDED:
            event = "OperationCompleted"
        await events.record(
            self._world.api,
            self._obj,
            event or "OperationFailed",
            f"Sync operation to {state['syncResult']['revision']} {phase.lower()}: {message}",
            warning=not event,
        )
        return 0.0

    async def _write(
        self, after: Object, problems: dict[str, str], *, operation_field: Object | str | None = "leave"
    ) -> None:
        """Write what changed: status, the operation field, and that a refresh was done. One conditional
        patch.
        """
        before: Object = self._obj.get("status") or {}
        now = self._world.now()
        after = {**after, "conditions": status.conditions(problems, before.get("conditions") or [], now)}
        if not after["conditions"] and "conditions" not in before:
            del after["conditions"]
        if "health" in after:
            after["health"] = status.with_transition(after["health"], before.get("health") or {}, now)
        body: Object = {}
        if changed := status.patch(before, after):
            body["status"] = changed
        if operation_field != "leave" and self._obj.get("operation") != operation_field:
            body["operation"] = operation_field
        meta: Object = {}
        if REFRESH in annotations_of(self._obj):
            meta["annotations"] = {REFRESH: None}
        if not body and not meta:
            return
        body["metadata"] = {**meta, "resourceVersion": metadata(self._obj)["resourceVersion"]}
        self._obj = await self._world.api.merge(APPLICATIONS, self.key.name, self.key.namespace, body)
        self._world.live.observe(self._obj)

    async def _delete_resources(self) -> float | None:
        """Cascading deletion: delete what is ours except what holds data, then let the Application go."""
        finalizers = metadata(self._obj).get("finalizers") or []
        if RESOURCES_FINALIZER not in finalizers:
            return None
        live = self._world.live
        left = []
        for key in live.owned_by(self.key.name):
            obj, kind = live.objects.get(key), live.kinds.preferred(key.group, key.kind)
            if obj is None or kind is None or pruning.survives_application(obj):  # gone, or not to be deleted
                continue
            left.append(key)
            if not is_being_deleted(obj):
                await self._world.api.delete(
                    kind, key.name, key.namespace, uid=metadata(obj).get("uid", ""), propagation="foreground"
                )
        if left:
            return 1.0
        body = {
            "metadata": {
                "finalizers": [name for name in finalizers if name != RESOURCES_FINALIZER],
                "resourceVersion": metadata(self._obj)["resourceVersion"],
            }
        }
        await self._world.api.merge(APPLICATIONS, self.key.name, self.key.namespace, body)
        return None


def _nothing() -> None:
    """Nobody to wake yet."""
