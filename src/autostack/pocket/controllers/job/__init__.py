"""Job: runs pods until enough of them have succeeded, or too many have failed, or its time is up."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.claims import condition_set, in_growing_batches
from autostack.pocket.controllers.cluster import Cluster, tolerating
from autostack.pocket.controllers.job.indexes import format_indexes
from autostack.pocket.controllers.job.tally import INDEX, TRACKING, Tally, Verdict, has_ended, is_tracked
from autostack.pocket.controllers.kinds import JOB, POD
from autostack.pocket.controllers.loop import Controller, its_controller, itself
from autostack.pocket.controllers.meta import (
    Key,
    condition,
    controller_of,
    has_condition,
    is_deleting,
    name_of,
    time_of,
    timestamp,
    uid_of,
)
from autostack.pocket.controllers.pods import deletion_rank, is_ready, pod_of


def controller(cluster: Cluster) -> Controller:
    """The controller as data."""
    del cluster
    return Controller("job-controller", {JOB: itself, POD: its_controller(JOB)}, reconcile)


def is_over(job: Object) -> bool:
    """Whether the Job is Complete or Failed for good."""
    return has_condition(job, "Complete") or has_condition(job, "Failed")


async def reconcile(cluster: Cluster, key: Key) -> float | None:
    """Count the ends, judge, create or delete pods, and tell the state."""
    job = cluster.cache(JOB).get(key)
    if job is None or is_deleting(job):
        await _let_go(cluster, key, job)
        return None
    if job["spec"].get("managedBy") not in (None, "kubernetes.io/job-controller"):
        return None
    if is_over(job):
        await _release(cluster, cluster.cache(POD).controlled_by(uid_of(job)))
        return await _expire(cluster, job)
    tally = Tally(job, tuple(cluster.cache(POD).controlled_by(uid_of(job))), cluster.now())
    job = await cluster.set_status(JOB, job, status_of(tally, tally.verdict()))
    await _release(cluster, [pod for pod in tally.pods if has_ended(pod)])
    tally = Tally(job, tuple(cluster.cache(POD).controlled_by(uid_of(job))), cluster.now())
    verdict = tally.verdict()
    wait_s = None
    if verdict is not None:
        for pod in tally.active:
            await _delete(cluster, tally, pod)
    else:
        wait_s = await _scale(cluster, tally)
    tally = Tally(job, tuple(cluster.cache(POD).controlled_by(uid_of(job))), cluster.now())
    await cluster.set_status(JOB, cluster.cache(JOB).get(key) or job, status_of(tally, verdict))
    _tell(cluster, job, cluster.cache(JOB).get(key))
    waits = [one for one in (wait_s, tally.deadline_in_s()) if one is not None and verdict is None]
    return min(waits, default=None)


async def _delete(cluster: Cluster, tally: Tally, pod: Object) -> None:
    await cluster.delete(POD, pod)
    cluster.event(JOB, tally.job, "Normal", "SuccessfulDelete", f"Deleted pod: {name_of(pod)}")


def _tell(cluster: Cluster, before: Object, after: Object | None) -> None:
    if after is None or is_over(before):
        return
    if has_condition(after, "Suspended") != has_condition(before, "Suspended"):
        reason = "Suspended" if has_condition(after, "Suspended") else "Resumed"
        cluster.event(JOB, after, "Normal", reason, f"Job {reason.lower()}")
    failed = condition(after, "Failed")
    if has_condition(after, "Complete"):
        cluster.event(JOB, after, "Normal", "Completed", "Job completed")
    elif failed is not None:
        cluster.event(JOB, after, "Warning", failed["reason"], failed["message"])


async def _release(cluster: Cluster, pods: Iterable[Object]) -> None:
    """Take the tracking finalizer off pods whose end is noted in the status, or need not be."""
    for pod in pods:
        if is_tracked(pod):
            kept = [one for one in pod["metadata"]["finalizers"] if one != TRACKING]
            with tolerating(404):
                await cluster.patch(POD, pod, {"metadata": {"finalizers": kept}})


async def _let_go(cluster: Cluster, key: Key, job: Object | None) -> None:
    """The Job is gone or going: nobody will count its pods any more."""
    for pod in cluster.cache(POD).within(key[0]):
        owner = controller_of(pod)
        named = owner is not None and (owner["kind"], owner["name"]) == ("Job", key[1])
        if named and owner and (job is None or owner["uid"] == uid_of(job)):
            await _release(cluster, [pod])


async def _expire(cluster: Cluster, job: Object) -> float | None:
    """ttlSecondsAfterFinished: delete the Job, or say when."""
    keep_s = job["spec"].get("ttlSecondsAfterFinished")
    end = condition(job, "Complete") or condition(job, "Failed")
    ended = time_of(end["lastTransitionTime"]) if end else None
    if keep_s is None or ended is None:
        return None
    left_s = (ended + timedelta(seconds=keep_s) - cluster.now()).total_seconds()
    if left_s > 0:
        return float(left_s)
    await cluster.delete(JOB, job, propagation="Foreground")
    return None


async def _scale(cluster: Cluster, tally: Tally) -> float | None:
    missing = tally.missing()
    if missing < 0:
        surplus = sorted(tally.active, key=lambda one: deletion_rank(one, tally.now))[:-missing]
        for pod in surplus:
            await _delete(cluster, tally, pod)
    if missing <= 0:
        return None
    wait_s = tally.backoff_in_s()
    if wait_s > 0:
        return wait_s
    indexes: list[int | None] = [None] * missing
    if tally.is_indexed:
        indexes = list(itertools.islice(tally.free_indexes(), missing))

    async def create(number: int) -> None:
        made = await cluster.create(POD, new_pod(tally.job, indexes[number]))
        cluster.event(JOB, tally.job, "Normal", "SuccessfulCreate", f"Created pod: {name_of(made)}")

    failure = await in_growing_batches(len(indexes), create)
    if failure is not None:
        cluster.event(JOB, tally.job, "Warning", "FailedCreate", f"Error creating: {failure.message}")
        raise failure
    return None


def new_pod(job: Object, index: int | None) -> Object:
    """A pod of the Job; with an index, that of an Indexed Job."""
    template = job["spec"]["template"]
    finalizers = [*((template.get("metadata") or {}).get("finalizers") or []), TRACKING]
    if index is None:
        return pod_of(template, JOB, job, generateName=f"{name_of(job)}-", finalizers=finalizers)
    metadata = template.get("metadata") or {}
    variable = {
        "name": "JOB_COMPLETION_INDEX",
        "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.annotations['{INDEX}']"}},
    }
    spec = {**template["spec"], "hostname": f"{name_of(job)}-{index}"}
    for part in ("containers", "initContainers"):
        if spec.get(part):
            spec[part] = [{**one, "env": [*(one.get("env") or []), variable]} for one in spec[part]]
    pod = pod_of(
        template,
        JOB,
        job,
        generateName=f"{name_of(job)}-{index}-",
        finalizers=finalizers,
        labels={**(metadata.get("labels") or {}), INDEX: str(index)},
        annotations={**(metadata.get("annotations") or {}), INDEX: str(index)},
    )
    return {**pod, "spec": spec}


def status_of(tally: Tally, verdict: Verdict | None) -> dict[str, Any]:
    """The Job's status. Ends that lost their finalizer become counts, others stay noted by uid."""
    held = {uid_of(pod) for pod in tally.pods if is_tracked(pod)}
    stored, noted = tally.status, tally.noted()
    counted = {how: sum(uid not in held for uid in uids) for how, uids in noted.items()}
    waiting = {how: [uid for uid in uids if uid in held] for how, uids in noted.items()}
    suspended = bool(tally.spec.get("suspend"))
    moment = timestamp(tally.now)
    numbers = {
        "active": len(tally.active),
        "ready": sum(map(is_ready, tally.active)),
        "terminating": len(tally.terminating),
        "succeeded": int(stored.get("succeeded") or 0) + counted["succeeded"],
        "failed": int(stored.get("failed") or 0) + counted["failed"],
    }
    if tally.is_indexed:
        numbers["succeeded"] = tally.succeeded
    finished = (
        verdict is not None and not tally.active and not tally.terminating and not any(waiting.values())
    )
    started = None if suspended and verdict is None else stored.get("startTime") or moment
    conditions = _conditions(tally, verdict, finished=finished)
    return {
        **{name: number for name, number in numbers.items() if number or name in ("ready", "terminating")},
        "uncountedTerminatedPods": {how: uids for how, uids in waiting.items() if uids},
        **({"completedIndexes": format_indexes(tally.completed_indexes())} if tally.is_indexed else {}),
        **({"startTime": started} if started else {}),
        **({"completionTime": moment} if finished and verdict and verdict.type == "Complete" else {}),
        **({"conditions": conditions} if conditions else {}),
    }


def _conditions(tally: Tally, verdict: Verdict | None, *, finished: bool) -> list[Any]:
    conditions: list[Any] = list(tally.status.get("conditions") or [])
    fresh: list[tuple[str, str, str, str]] = []
    suspended = bool(tally.spec.get("suspend"))
    if suspended != has_condition(tally.job, "Suspended") and (
        suspended or condition(tally.job, "Suspended")
    ):
        told = (
            ("True", "JobSuspended", "Job suspended") if suspended else ("False", "JobResumed", "Job resumed")
        )
        fresh.append(("Suspended", *told))
    if verdict is not None:
        target = "SuccessCriteriaMet" if verdict.type == "Complete" else "FailureTarget"
        if not has_condition(tally.job, target):
            fresh.append((target, "True", verdict.reason, verdict.message))
        if finished:
            fresh.append((verdict.type, "True", verdict.reason, verdict.message))
    moment = timestamp(tally.now)
    for type_, status, reason, message in fresh:
        one = {"type": type_, "status": status, "reason": reason, "message": message}
        one |= {"lastProbeTime": moment, "lastTransitionTime": moment}
        conditions = list(condition_set(conditions, one))
    return conditions
