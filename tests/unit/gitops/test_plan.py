"""What a sync does next, from tasks and outcomes alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from autostack.gitops.hooks import operation_mark
from autostack.gitops.objects import ObjectKey
from autostack.gitops.plan import (
    FAILED,
    PRUNED,
    RUNNING,
    SUCCEEDED,
    SYNC_FAILED,
    SYNCED,
    Finish,
    Outcome,
    Run,
    Task,
    Wait,
    next_step,
    progress,
    progressed,
)

RUNS, DONE = Outcome(SYNCED, RUNNING), Outcome(SYNCED, SUCCEEDED)


def task(
    name: str, *, wave: int = 0, phase: str = "Sync", outcome: Outcome | None = None, **more: Any
) -> Task:
    key = ObjectKey("", more.pop("kind", "ConfigMap"), "demo", name)
    fields: dict[str, Any] = {"desired": {}, "live": None, **more}
    return Task(key, "v1", phase, wave, outcome=outcome or Outcome(), **fields)


def names(step: object) -> list[str]:
    assert isinstance(step, Run)
    return [one.key.name for one in step.tasks]


def test_the_lowest_wave_goes_first_and_kinds_in_order() -> None:
    tasks = [
        task("late", wave=1),
        task("b", kind="Deployment"),
        task("a", kind="Namespace"),
        task("early", wave=-1),
    ]
    assert names(next_step(tasks)) == ["early"]
    assert names(next_step([replace(one, outcome=DONE) if one.wave < 0 else one for one in tasks])) == [
        "a",
        "b",
    ]


def test_phases_come_before_waves() -> None:
    tasks = [
        task("post", phase="PostSync", wave=-5, hook=True),
        task("pre", phase="PreSync", wave=9, hook=True),
        task("x"),
    ]
    assert names(next_step(tasks)) == ["pre"]


def test_a_wave_waits_for_the_health_of_the_one_before() -> None:
    step = next_step([task("db", outcome=RUNS), task("app", wave=1)])
    assert step == Wait("waiting for healthy state of /ConfigMap/db")


def test_the_last_wave_is_not_waited_for() -> None:
    step = next_step([task("db", outcome=DONE), task("app", wave=1, outcome=RUNS)])
    assert isinstance(step, Finish)
    assert step.phase == SUCCEEDED


def test_a_hook_in_the_last_wave_is_waited_for() -> None:
    step = next_step([task("job", hook=True, outcome=RUNS)])
    assert step == Wait("waiting for completion of hook /ConfigMap/job")


def test_a_failure_ends_the_sync_with_its_reason_and_spares_later_waves() -> None:
    step = next_step(
        [task("bad", outcome=Outcome(SYNC_FAILED, FAILED, "no such field")), task("later", wave=1)]
    )
    assert isinstance(step, Finish)
    assert step.phase == FAILED
    assert "no such field" in step.message


def test_hooks_for_failure_run_only_after_a_failure() -> None:
    cleanup = task("cleanup", phase="SyncFail", hook=True)
    assert isinstance(next_step([task("good", outcome=DONE), cleanup]), Finish)
    bad = task("bad", outcome=Outcome(SYNC_FAILED, FAILED, "no"))
    assert names(next_step([bad, cleanup])) == ["cleanup"]
    assert isinstance(next_step([bad, replace(cleanup, outcome=RUNS)]), Wait)


def test_hooks_of_two_pushes_in_one_second_are_told_apart_and_so_are_tries() -> None:
    state = {"startedAt": "2026-01-01T00:00:00Z", "syncResult": {"revision": "a" * 40}}
    states = [state, {**state, "retryCount": 1}, {**state, "syncResult": {"revision": "b" * 40}}]
    assert len({operation_mark(one) for one in states}) == 3
    assert operation_mark(dict(state)) == operation_mark({**state, "retryCount": 0})


def test_hooks_are_deleted_as_their_policy_says() -> None:
    hook = task("job", hook=True, outcome=DONE, live={"kind": "Job"}, policies=frozenset({"HookSucceeded"}))
    step = next_step([hook])
    assert isinstance(step, Finish)
    assert step.delete == [hook]
    kept = next_step([replace(hook, policies=frozenset({"HookFailed"}))])
    assert isinstance(kept, Finish)
    assert kept.delete == []


def test_a_wave_waits_for_the_deletion_of_what_was_pruned() -> None:
    leaving = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
    pruned = task("old", desired=None, live=leaving, outcome=Outcome(PRUNED, SUCCEEDED))
    assert next_step([pruned, task("next", wave=1)]) == Wait("waiting for deletion of /ConfigMap/old")


def test_an_object_that_vanished_while_waited_for_is_an_error() -> None:
    found = progress(task("db", outcome=RUNS))
    assert found.phase == "Error"
    assert "missing" in found.message


def test_an_object_of_the_last_wave_that_was_deleted_since_is_left_to_the_next_heal() -> None:
    assert progress(task("db", outcome=RUNS), awaited=False).phase == SUCCEEDED
    assert progress(task("job", hook=True, outcome=RUNS), awaited=False).phase == "Error"
    first, last = progressed([task("a", outcome=RUNS), task("b", wave=1, outcome=RUNS)])
    assert (first.outcome.phase, last.outcome.phase) == ("Error", SUCCEEDED)


def test_a_degraded_object_fails_its_task() -> None:
    live = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "status": {"conditions": [{"type": "Failed", "status": "True", "message": "x"}]},
    }
    assert progress(task("job", live=live, outcome=RUNS)) == Outcome(SYNCED, FAILED, "x")


def test_nothing_to_do_is_success() -> None:
    assert isinstance(next_step([]), Finish)
