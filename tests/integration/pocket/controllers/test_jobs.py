"""Jobs and CronJobs: they finish, fail, wait, and clean up after themselves."""

from __future__ import annotations

from typing import Any

from autostack.pocket.controllers.kinds import CRON_JOB, JOB, POD
from autostack.pocket.controllers.meta import annotations_of, condition, has_condition, name_of

from .conftest import World


def job(exit_code: int | None = 0, **spec: Any) -> dict[str, Any]:
    labels = {} if exit_code is None else {"test/exit": str(exit_code)}
    template = {
        "metadata": {"labels": labels},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox:1"}]},
    }
    return {"template": template, **spec}


def is_complete(obj: dict[str, Any]) -> bool:
    return has_condition(obj, "Complete")


def has_failed(obj: dict[str, Any]) -> bool:
    return has_condition(obj, "Failed")


async def test_a_job_runs_its_completions_and_counts_each_once(world: World) -> None:
    await world.create(JOB, "sum", job(completions=5, parallelism=2))
    done = await world.until(JOB, "sum", is_complete)
    assert done["status"]["succeeded"] == 5
    assert done["status"]["completionTime"]
    assert done["status"].get("uncountedTerminatedPods") == {}
    pods = await world.all(POD)
    assert len(pods) == 5
    assert all(not pod["metadata"].get("finalizers") for pod in pods)


async def test_deleting_a_finished_pod_does_not_take_its_success_back(world: World) -> None:
    await world.create(JOB, "sum", job(completions=2, parallelism=1))
    await world.until(JOB, "sum", lambda one: (one.get("status") or {}).get("succeeded", 0) >= 1)
    for pod in await world.all(POD):
        await world.client.delete(POD.resource, name_of(pod), "default")
    done = await world.until(JOB, "sum", is_complete)
    assert done["status"]["succeeded"] == 2


async def test_a_failing_job_stops_at_its_backoff_limit(world: World) -> None:
    await world.create(JOB, "bad", job(1, backoffLimit=0))
    failed = await world.until(JOB, "bad", has_failed)
    assert condition(failed, "Failed")["reason"] == "BackoffLimitExceeded"  # type: ignore[index]
    assert failed["status"]["failed"] == 1
    await world.until_event("bad", "BackoffLimitExceeded")


async def test_a_failed_pod_is_not_replaced_before_its_backoff(world: World) -> None:
    await world.create(JOB, "bad", job(1, backoffLimit=3))
    await world.until(JOB, "bad", lambda one: (one.get("status") or {}).get("failed") == 1)
    assert len(await world.all(POD)) == 1


async def test_a_job_past_its_deadline_fails_and_its_pods_end(world: World) -> None:
    await world.create(JOB, "slow", job(None, activeDeadlineSeconds=1))
    failed = await world.until(JOB, "slow", has_failed)
    assert condition(failed, "Failed")["reason"] == "DeadlineExceeded"  # type: ignore[index]
    await world.until_count(POD, 0)


async def test_a_suspended_job_has_no_pods_until_it_is_resumed(world: World) -> None:
    await world.create(JOB, "later", job(suspend=True))
    await world.until(JOB, "later", lambda one: has_condition(one, "Suspended"))
    assert await world.all(POD) == []
    await world.patch(JOB, "later", {"spec": {"suspend": False}})
    await world.until(JOB, "later", is_complete)


async def test_an_indexed_job_gives_each_pod_its_index(world: World) -> None:
    await world.create(JOB, "parts", job(completions=3, parallelism=3, completionMode="Indexed"))
    done = await world.until(JOB, "parts", is_complete)
    assert done["status"]["completedIndexes"] == "0-2"
    found = {annotations_of(pod)["batch.kubernetes.io/job-completion-index"] for pod in await world.all(POD)}
    assert found == {"0", "1", "2"}


async def test_a_finished_job_goes_after_its_time_to_live(world: World) -> None:
    await world.create(JOB, "brief", job(ttlSecondsAfterFinished=0))
    await world.until_gone(JOB, "brief")
    await world.until_count(POD, 0)


async def test_deleting_a_job_takes_its_unfinished_pods(world: World) -> None:
    await world.create(JOB, "long", job(None))
    await world.until_count(POD, 1)
    await world.client.delete(JOB.resource, "long", "default")
    await world.until_count(POD, 0)


async def test_a_cron_job_makes_the_missed_job_once(world: World) -> None:
    spec = {"schedule": "* * * * *", "jobTemplate": {"spec": job()}}
    made = await world.create(CRON_JOB, "tick", spec)
    last = "2020-01-01T00:00:00Z"  # many schedules ago: one Job is made, for the latest of them
    status = {"lastScheduleTime": last}
    await world.client.update(CRON_JOB.resource, {**made, "status": status}, subresource="status")
    await world.until_count(JOB, 1)
    await world.until(CRON_JOB, "tick", lambda one: one["status"].get("lastSuccessfulTime"))
    assert len(await world.all(JOB)) == 1
    await world.until_event("tick", "TooManyMissedTimes")
    await world.until_event("tick", "SawCompletedJob")
