"""CronJob: makes a Job at each scheduled time, by its concurrency policy, and keeps a few finished ones.

The Job's name carries the scheduled minute, so a crash between making it and writing the status can't make
it twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.cronjob.schedule import BadScheduleError, Due, due, is_too_late
from autostack.pocket.controllers.job import is_over
from autostack.pocket.controllers.kinds import CRON_JOB, JOB
from autostack.pocket.controllers.loop import BlockedError, Controller, its_controller, itself
from autostack.pocket.controllers.meta import (
    Key,
    has_condition,
    is_controlled_by,
    is_deleting,
    name_of,
    namespace_of,
    owner_reference,
    time_of,
    timestamp,
    uid_of,
)
from autostack.pocket.errors import ApiError

SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"


def controller(cluster: Cluster) -> Controller:
    """The controller as data."""
    del cluster
    return Controller("cronjob-controller", {CRON_JOB: itself, JOB: its_controller(CRON_JOB)}, reconcile)


async def reconcile(cluster: Cluster, key: Key) -> float | None:
    """Tell what ended, start what is due, forget old history; look again at the next scheduled time."""
    cron_job = cluster.cache(CRON_JOB).get(key)
    if cron_job is None or is_deleting(cron_job):
        return None
    jobs = cluster.cache(JOB).controlled_by(uid_of(cron_job))
    status = _after_ends(cluster, cron_job, jobs)
    await _forget_history(cluster, cron_job, jobs)
    cron_job = await cluster.set_status(CRON_JOB, cron_job, status)
    if cron_job["spec"].get("suspend"):
        return None
    now = cluster.now()
    since = (
        time_of(status.get("lastScheduleTime")) or time_of(cron_job["metadata"]["creationTimestamp"]) or now
    )
    try:
        found = due(cron_job["spec"], since=since, now=now)
    except BadScheduleError as error:
        cluster.event(CRON_JOB, cron_job, "Warning", error.reason, str(error))
        raise BlockedError(str(error)) from error
    if found.latest is not None:
        await _start(cluster, cron_job, found, now)
    return (found.next - cluster.now()).total_seconds() if found.next else None


def _reference(job: Object) -> dict[str, Any]:
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.name,
        "name": name_of(job),
        "namespace": namespace_of(job),
        "uid": uid_of(job),
        "resourceVersion": job["metadata"]["resourceVersion"],
    }


def _after_ends(cluster: Cluster, cron_job: Object, jobs: list[Object]) -> dict[str, Any]:
    """The status without the Jobs that have ended, each of which is told once."""
    status = dict(cron_job.get("status") or {})
    known = {uid_of(job): job for job in jobs}
    active = []
    for reference in status.get("active") or []:
        job = known.get(reference["uid"])
        if job is not None and not is_over(job):
            active.append(reference)
            continue
        if job is None:
            message = f"Active job went missing: {reference['name']}"
            cluster.event(CRON_JOB, cron_job, "Normal", "MissingJob", message)
            continue
        how = "Complete" if has_condition(job, "Complete") else "Failed"
        message = f"Saw completed job: {name_of(job)}, condition: {how}"
        cluster.event(CRON_JOB, cron_job, "Normal", "SawCompletedJob", message)
    ended = [
        (job.get("status") or {}).get("completionTime") for job in jobs if has_condition(job, "Complete")
    ]
    latest = max([status.get("lastSuccessfulTime") or "", *(one for one in ended if one)])
    status.pop("active", None)
    return {
        **status,
        **({"active": active} if active else {}),
        **({"lastSuccessfulTime": latest} if latest else {}),
    }


async def _forget_history(cluster: Cluster, cron_job: Object, jobs: list[Object]) -> None:
    spec = cron_job["spec"]
    limits = (("Complete", "successfulJobsHistoryLimit", 3), ("Failed", "failedJobsHistoryLimit", 1))
    for how, field, default in limits:
        kept = spec.get(field)
        kept = default if kept is None else kept
        ended = [job for job in jobs if has_condition(job, how) and not is_deleting(job)]
        ended.sort(key=lambda job: (job.get("status") or {}).get("startTime") or "")
        for job in ended[: max(0, len(ended) - kept)]:
            await cluster.delete(JOB, job)
            cluster.event(CRON_JOB, cron_job, "Normal", "SuccessfulDelete", f"Deleted job {name_of(job)}")


async def _start(cluster: Cluster, cron_job: Object, found: Due, now: datetime) -> None:
    scheduled = found.latest
    if scheduled is None:
        return
    if found.too_many_missed:
        message = (
            "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
        )
        cluster.event(CRON_JOB, cron_job, "Warning", "TooManyMissedTimes", message)
    if is_too_late(cron_job["spec"], scheduled, now):
        message = f"Missed scheduled time to start a job: {timestamp(scheduled)}"
        cluster.event(CRON_JOB, cron_job, "Warning", "MissSchedule", message)
        return
    status = dict(cron_job.get("status") or {})
    active = status.get("active") or []
    policy = cron_job["spec"].get("concurrencyPolicy", "Allow")
    if policy == "Forbid" and active:
        message = "Not starting job because prior execution is running and concurrency policy is Forbid"
        cluster.event(CRON_JOB, cron_job, "Normal", "JobAlreadyActive", message)
        return
    if policy == "Replace":
        for reference in active:
            job = cluster.cache(JOB).get((namespace_of(cron_job), reference["name"]))
            if job is not None:
                await cluster.delete(JOB, job)
                message = f"Deleted job {name_of(job)}"
                cluster.event(CRON_JOB, cron_job, "Normal", "SuccessfulDelete", message)
        active = []
    job = await _create(cluster, cron_job, scheduled)
    references = [one for one in active if one["uid"] != uid_of(job)]
    started = {"active": [*references, _reference(job)], "lastScheduleTime": timestamp(scheduled)}
    await cluster.set_status(CRON_JOB, cron_job, {**status, **started})


def new_job(cron_job: Object, scheduled: datetime) -> Object:
    """The Job of one scheduled time."""
    template = cron_job["spec"]["jobTemplate"]
    metadata = template.get("metadata") or {}
    return {
        "metadata": {
            "name": f"{name_of(cron_job)}-{int(scheduled.timestamp()) // 60}",
            "namespace": namespace_of(cron_job),
            "labels": metadata.get("labels") or {},
            "annotations": {**(metadata.get("annotations") or {}), SCHEDULED_AT: timestamp(scheduled)},
            "ownerReferences": [owner_reference(CRON_JOB, cron_job)],
        },
        "spec": template["spec"],
    }


async def _create(cluster: Cluster, cron_job: Object, scheduled: datetime) -> Object:
    wanted = new_job(cron_job, scheduled)
    try:
        job = await cluster.create(JOB, wanted)
    except ApiError as error:
        if error.reason == "AlreadyExists":
            job = await cluster.client.get(JOB.resource, name_of(wanted), namespace_of(wanted))
            if is_controlled_by(job, cron_job):
                return job
        cluster.event(CRON_JOB, cron_job, "Warning", "FailedCreate", f"Error creating job: {error.message}")
        raise
    cluster.event(CRON_JOB, cron_job, "Normal", "SuccessfulCreate", f"Created job {name_of(job)}")
    return job
