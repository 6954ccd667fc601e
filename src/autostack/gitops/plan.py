"""What a sync does next: tasks and their outcomes in, one step out; asked again after every change.

Nothing is remembered between two questions. The outcomes are those in status.operationState, so a
controller that was killed asks the same question after its restart and goes on where the sync was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from autostack.gitops import health
from autostack.gitops.health.verdict import DEGRADED, HEALTHY
from autostack.gitops.objects import Object, ObjectKey, is_being_deleted
from autostack.gitops.waves import position

SYNCED, SYNC_FAILED, PRUNED, PRUNE_SKIPPED = "Synced", "SyncFailed", "Pruned", "PruneSkipped"
RUNNING, SUCCEEDED, FAILED, ERROR = "Running", "Succeeded", "Failed", "Error"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task: `status` of applying it, `phase` of the object since then; "" = not done yet."""

    status: str = ""
    phase: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """One object's part in the sync. `desired` None means: prune it. `refusal` says why it must not be
    pruned.
    """

    key: ObjectKey
    version: str
    phase: str
    wave: int
    desired: Object | None
    live: Object | None
    hook: bool = False
    differs: bool = True
    policies: frozenset[str] = frozenset()
    refusal: str = ""
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def position(self) -> tuple[int, int, int, str, str]:
        """Where the task stands in the order."""
        return position(self.phase, self.wave, self.key)

    @property
    def is_pending(self) -> bool:
        """Whether nothing was done for it yet."""
        return not self.outcome.phase

    @property
    def is_running(self) -> bool:
        """Whether it was applied and is not yet what it should be."""
        return self.outcome.phase == RUNNING

    @property
    def has_failed(self) -> bool:
        """Whether it ended badly."""
        return self.outcome.phase in {FAILED, ERROR}


@dataclass(frozen=True, slots=True)
class Run:
    """Apply or prune these now, in order."""

    tasks: list[Task]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until the cluster changes."""

    message: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The sync is over; `delete` are the hooks whose policy says to delete them now."""

    phase: str
    message: str
    delete: list[Task]


def progressed(tasks: list[Task]) -> list[Task]:
    """The tasks with their outcomes as the live objects show them now."""
    last = _last_wave([task for task in tasks if task.phase != "SyncFail"])
    return [replace(task, outcome=progress(task, awaited=(task.phase, task.wave) != last)) for task in tasks]


def progress(task: Task, *, awaited: bool = True) -> Outcome:
    """The outcome of a running task, seen from its live object.

    An object that nobody waits for and that was deleted since is the next heal's, at once; as a failure of
    this sync it would only come back after the retry's delay.
    """
    if not task.is_running:
        return task.outcome
    if task.live is None:
        if task.hook or awaited:
            missing = f"Resource {task.key} is missing, it might have been deleted"
            return Outcome(SYNC_FAILED, ERROR, missing)
        return Outcome(task.outcome.status, SUCCEEDED, f"{task.outcome.message}; deleted by someone since")
    verdict = health.assess(task.live)
    if verdict is None or verdict.status == HEALTHY:
        said = verdict.message if verdict else ""
        return Outcome(task.outcome.status, SUCCEEDED, said or task.outcome.message)
    if verdict.status == DEGRADED:
        return Outcome(task.outcome.status, FAILED, verdict.message)
    return task.outcome


def next_step(tasks: Iterable[Task]) -> Run | Wait | Finish:
    """The next step. Every wave waits for the one before it; the last wave is only waited for if it has
    hooks.
    """
    ordered = sorted(tasks, key=lambda task: task.position)
    on_failure = [task for task in ordered if task.phase == "SyncFail"]
    regular = [task for task in ordered if task.phase != "SyncFail"]
    last = _last_wave(regular)
    running = [task for task in regular if task.is_running and (task.hook or (task.phase, task.wave) != last)]
    if running:
        return Wait(_waiting(running))
    leaving = [
        task
        for task in regular
        if task.outcome.status == PRUNED and task.live and is_being_deleted(task.live)
    ]
    pending = [task for task in regular if task.is_pending]
    if leaving and pending:
        return Wait(_waiting(leaving, deletion=True))
    if any(task.has_failed for task in regular):
        return _after_failure(regular, on_failure)
    if not pending:
        return Finish(SUCCEEDED, "successfully synced (all tasks run)", _to_delete(regular, "HookSucceeded"))
    return Run([task for task in pending if (task.phase, task.wave) == (pending[0].phase, pending[0].wave)])


def _last_wave(regular: list[Task]) -> tuple[str, int]:
    last = max(regular, key=lambda task: task.position, default=None)
    return (last.phase, last.wave) if last else ("", 0)


def _after_failure(regular: list[Task], on_failure: list[Task]) -> Run | Wait | Finish:
    pending = [task for task in on_failure if task.is_pending]
    running = [task for task in on_failure if task.is_running]
    if pending:
        return Run(pending)
    if running:
        return Wait(_waiting(running))
    reasons = dict.fromkeys(
        task.outcome.message for task in regular if task.has_failed and task.outcome.message
    )
    message = "one or more synchronization tasks completed unsuccessfully"
    if reasons:
        message += f", reason: {'; '.join(reasons)}"
    doomed = _to_delete(regular, "HookFailed") + _to_delete(on_failure, "HookSucceeded")
    return Finish(FAILED, message, doomed)


def _to_delete(tasks: list[Task], policy: str) -> list[Task]:
    return [task for task in tasks if task.hook and task.live is not None and policy in task.policies]


def _waiting(tasks: list[Task], *, deletion: bool = False) -> str:
    hooks = [task for task in tasks if task.hook]
    reason = "deletion of" if deletion else "completion of hook" if hooks else "healthy state of"
    first = (hooks or tasks)[0]
    message = f"waiting for {reason} {first.key}"
    more = "hooks" if len(hooks) == len(tasks) else "resources"
    return message if len(tasks) == 1 else f"{message} and {len(tasks) - 1} more {more}"
