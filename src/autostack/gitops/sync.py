"""Performs the steps of a plan through the API, and says what became of each. It decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from autostack.gitops import hooks, ignore, pruning
from autostack.gitops.api import Kind, KubernetesApi
from autostack.gitops.application import Application, SyncOptions
from autostack.gitops.comparison import Comparison, Desired
from autostack.gitops.errors import ApiError, ConflictError, NotFoundError
from autostack.gitops.live import LiveState
from autostack.gitops.moments import parsed
from autostack.gitops.objects import Object, ObjectKey, is_being_deleted, metadata, option_set, version_of
from autostack.gitops.operation import outcomes
from autostack.gitops.plan import (
    FAILED,
    PRUNE_SKIPPED,
    PRUNED,
    RUNNING,
    SUCCEEDED,
    SYNC_FAILED,
    SYNCED,
    Outcome,
    Task,
)
from autostack.gitops.tracking import with_annotations
from autostack.gitops.waves import pruning_waves, wave_of

OPERATION_MARK = "autostack.dev/operation"
_FIRST_WAVE, _LAST_WAVE = -(2**31), 2**31
_DRY_RUNS_AT_ONCE = 8


class Sync:
    """One sync operation: builds the tasks from what is known now, and runs those that the plan picks."""

    def __init__(
        self, api: KubernetesApi, live: LiveState, app: Application, options: SyncOptions, state: Object
    ) -> None:
        self._api, self._live, self._app, self._options = api, live, app, options
        self._sync: Object = state["operation"].get("sync") or {}
        self._state = state
        self._started_at_s = int(parsed(state["startedAt"]).timestamp())

    def tasks(self, desired: Iterable[Desired], comparison: Comparison) -> list[Task]:
        """All tasks with their outcomes so far. A partial sync (the operation names resources) runs no
        hooks.
        """
        done = outcomes(self._state)
        chosen = self._sync.get("resources")
        tasks = [
            task for task in self._resource_tasks(comparison) if not chosen or _is_named(task.key, chosen)
        ]
        if not chosen:
            tasks += self._hook_tasks(desired)
        if self._options.create_namespace:
            tasks += self._namespace_task({item.key for item in desired})
        return [replace(task, outcome=done.get((task.phase, *task.key), Outcome())) for task in tasks]

    def _resource_tasks(self, comparison: Comparison) -> list[Task]:
        tasks: list[Task] = []
        prunes: list[Task] = []
        for item in comparison.resources:
            if item.hook:
                continue
            task = Task(
                item.key,
                item.version,
                "Sync",
                item.wave,
                item.desired,
                item.live,
                differs=not item.is_synced,
            )
            (prunes if item.requires_pruning else tasks).append(task)
        mirrored = pruning_waves([wave_of(task.live or {}) for task in prunes])
        for task in prunes:
            live = task.live or {}
            last = self._options.prune_last or "PruneLast=true" in option_set(live)
            asked = bool(self._sync.get("prune")) and self._options.prune
            wave = _LAST_WAVE if last else mirrored[wave_of(live)]
            tasks.append(replace(task, wave=wave, refusal=pruning.refusal(live, asked=asked)))
        return tasks

    def _hook_tasks(self, desired: Iterable[Desired]) -> list[Task]:
        revision = self._state["syncResult"]["revision"]
        tasks = []
        for item in desired:
            for phase in item.hook_types:
                manifest = hooks.named(
                    item.manifest, phase=phase, revision=revision, started_at_s=self._started_at_s
                )
                key = item.key._replace(name=manifest["metadata"]["name"])
                tasks.append(
                    Task(
                        key,
                        version_of(manifest),
                        phase,
                        item.wave,
                        manifest,
                        self._live.objects.get(key),
                        hook=True,
                        policies=hooks.delete_policies(manifest),
                    )
                )
        return tasks

    def _namespace_task(self, desired: set[ObjectKey]) -> list[Task]:
        name = self._app.destination_namespace
        key = ObjectKey("", "Namespace", "", name)
        if (
            not name
            or key in desired
            or (key in self._live.objects and ("PreSync", *key) not in outcomes(self._state))
        ):
            return []
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        return [Task(key, "v1", "PreSync", _FIRST_WAVE, manifest, self._live.objects.get(key))]

    async def dry_run(self, tasks: list[Task]) -> list[Task]:
        """Ask the server about everything that would be applied, before anything is; the tasks that it
        refuses, failed.
        """
        namespaces = {task.key.name for task in tasks if task.key.kind == "Namespace"}
        brings_kinds = any(task.key.kind == "CustomResourceDefinition" for task in tasks)
        limit = asyncio.Semaphore(_DRY_RUNS_AT_ONCE)

        async def ask(task: Task) -> Task | None:
            kind = self._live.kinds.of(task.desired or {})
            if (
                task.desired is None
                or not task.differs
                or task.hook
                or "Replace=true" in option_set(task.desired)
            ):
                return None
            if kind is None:
                may_come = brings_kinds or self._options.skip_dry_run_on_missing_resource
                may_come = may_come or "SkipDryRunOnMissingResource=true" in option_set(task.desired)
                return None if may_come else _failed(task, _no_kind(task))
            try:
                async with limit:
                    await self._api.apply(kind, self._applied(task), dry_run=True)
            except NotFoundError as error:
                return None if task.key.namespace in namespaces else _failed(task, str(error))
            except ApiError as error:
                return None if "Force=true" in option_set(task.desired) else _failed(task, str(error))
            return None

        answers = await asyncio.gather(*(ask(task) for task in tasks))
        return [answer for answer in answers if answer is not None]

    async def run(self, tasks: list[Task]) -> list[Task]:
        """The tasks after one attempt; one that is still pending waits for an old object to be gone."""
        return [replace(task, outcome=await self._attempt(task)) for task in tasks]

    async def _attempt(self, task: Task) -> Outcome:
        try:
            if task.desired is None:
                return await self._prune(task)
            kind = await self._kind(task.desired)
            if kind is None:
                return Outcome(SYNC_FAILED, FAILED, _no_kind(task))
            if task.hook:
                return await self._start_hook(task, kind)
            return await self._apply(task, kind)
        except ApiError as error:
            return Outcome(SYNC_FAILED, FAILED, str(error))

    async def _kind(self, obj: Object) -> Kind | None:
        kind = self._live.kinds.of(obj)
        if kind is None:
            await self._live.refresh_kinds()
            kind = self._live.kinds.of(obj)
        return kind

    def _applied(self, task: Task) -> Object:
        desired = task.desired or {}
        if self._options.respect_ignore_differences and task.live is not None:
            rules = ignore.rules_for(task.key, self._app.ignore)
            return ignore.with_live_values(desired, rules, task.live)
        return desired

    async def _apply(self, task: Task, kind: Kind) -> Outcome:
        name = f"{kind.plural}{'.' + kind.group if kind.group else ''}/{task.key.name}"
        if not task.differs:
            return Outcome(SYNCED, RUNNING, f"{name} unchanged")
        options, applied = option_set(task.desired or {}), self._applied(task)
        forced = "Force=true" in options and task.key.kind not in pruning.HOLDS_DATA
        if task.live is not None and is_being_deleted(task.live):
            return Outcome()
        try:
            if self._options.replace or "Replace=true" in options:
                self._live.observe(await self._replace(task, kind, applied))
            else:
                self._live.observe(await self._api.apply(kind, applied))
        except ApiError as error:
            if not forced or error.code != 422 or task.live is None:
                raise
            await self._api.delete(kind, task.key.name, task.key.namespace, uid=metadata(task.live)["uid"])
            return Outcome()
        if task.key.kind == "CustomResourceDefinition":
            self._live.look_for_kinds()
        return Outcome(SYNCED, RUNNING, f"{name} {'configured' if task.live else 'created'}")

    async def _replace(self, task: Task, kind: Kind, applied: Object) -> Object:
        if task.live is None:
            return await self._api.create(kind, applied, task.key.namespace)
        version = metadata(task.live).get("resourceVersion")
        body = {**applied, "metadata": {**applied["metadata"], "resourceVersion": version}}
        return await self._api.replace(kind, body, task.key.name, task.key.namespace)

    async def _start_hook(self, task: Task, kind: Kind) -> Outcome:
        """Create the hook once per operation, also when we were killed right after creating it."""
        mark, live = hooks.operation_mark(self._state), task.live
        if live is not None:
            if metadata(live).get("annotations", {}).get(OPERATION_MARK) == mark:
                return Outcome(SYNCED, RUNNING, "already created")
            if "BeforeHookCreation" not in task.policies and not is_being_deleted(live):
                return Outcome(
                    SYNC_FAILED, FAILED, f"{task.key} exists from an earlier sync; add BeforeHookCreation"
                )
            if not is_being_deleted(live):
                await self._api.delete(kind, task.key.name, task.key.namespace, uid=metadata(live)["uid"])
            return Outcome()
        hook = with_annotations(task.desired or {}, {OPERATION_MARK: mark})
        try:
            self._live.observe(await self._api.create(kind, hook, task.key.namespace))
        except ConflictError:
            return Outcome()  # the cluster has it, our view not yet: look again when it comes
        return Outcome(SYNCED, RUNNING, f"{kind.plural}/{task.key.name} created")

    async def _prune(self, task: Task) -> Outcome:
        if task.refusal:
            return Outcome(PRUNE_SKIPPED, SUCCEEDED, task.refusal)
        await self.delete(task, propagation=self._options.prune_propagation)
        return Outcome(PRUNED, SUCCEEDED, "pruned")

    async def delete(self, task: Task, *, propagation: str = "background") -> None:
        """Delete the task's live object: this very one, not another that has taken its name."""
        if task.live is None:
            return
        kind = self._live.kinds.preferred(task.key.group, task.key.kind)
        if kind is not None:
            await self._api.delete(
                kind,
                task.key.name,
                task.key.namespace,
                uid=metadata(task.live).get("uid", ""),
                propagation=propagation,
            )


def _is_named(key: ObjectKey, chosen: list[Object]) -> bool:
    return any(
        entry.get("group", "") == key.group
        and entry["kind"] == key.kind
        and entry["name"] == key.name
        and entry.get("namespace", key.namespace) == key.namespace
        for entry in chosen
    )


def _no_kind(task: Task) -> str:
    return (
        f"the cluster has no kind {(task.desired or {}).get('apiVersion')} "
        f"{task.key.kind}; is its CRD missing?"
    )


def _failed(task: Task, message: str) -> Task:
    return replace(task, outcome=Outcome(SYNC_FAILED, FAILED, message))
