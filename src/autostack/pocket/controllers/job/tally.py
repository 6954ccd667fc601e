"""A Job at one moment: what its pods have come to, and so whether it is over and how many pods it needs.
Pure.

Each pod carries a finalizer until its end is counted in the status, so an end is counted once, whoever
deletes the pod: first the uid is written to `uncountedTerminatedPods`, then the finalizer goes, then the
uid becomes a count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.job.indexes import parse_indexes
from autostack.pocket.controllers.job.policies import match_failure, satisfied_rule
from autostack.pocket.controllers.meta import annotations_of, condition, is_deleting, time_of, uid_of
from autostack.pocket.controllers.pods import is_active, is_finished, phase

TRACKING = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 10.0, 600.0


def is_tracked(pod: Object) -> bool:
    """Whether the pod's end is still to be counted."""
    return TRACKING in (pod["metadata"].get("finalizers") or [])


def has_ended(pod: Object) -> bool:
    """Finished, or deleted for good while nobody could tell how it ended."""
    gone = is_deleting(pod) and pod["metadata"].get("deletionGracePeriodSeconds") == 0
    return is_finished(pod) or gone


def index_of(pod: Object) -> int | None:
    """The pod's completion index."""
    text = annotations_of(pod).get(INDEX, "")
    return int(text) if text.isdigit() else None


def ended_at(pod: Object) -> datetime | None:
    """When the last container ended."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    moments = [
        moment
        for one in statuses
        if (moment := time_of(((one.get("state") or {}).get("terminated") or {}).get("finishedAt")))
    ]
    return max(moments, default=time_of(pod["metadata"].get("deletionTimestamp")))


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the Job ends."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Tally:
    """A Job and its pods. Counts include ends that are seen but not yet in the status."""

    job: Object
    pods: tuple[Object, ...]
    now: datetime

    @property
    def spec(self) -> dict[str, Any]:
        """`spec`."""
        found: dict[str, Any] = self.job["spec"]
        return found

    @property
    def status(self) -> dict[str, Any]:
        """`status`, {} when absent."""
        return self.job.get("status") or {}

    @property
    def is_indexed(self) -> bool:
        """completionMode Indexed."""
        return bool(self.spec.get("completionMode") == "Indexed")

    @property
    def uncounted(self) -> dict[str, list[str]]:
        """Uids that are noted and not yet counted, by `succeeded` and `failed`."""
        noted = self.status.get("uncountedTerminatedPods") or {}
        return {name: list(noted.get(name) or []) for name in ("succeeded", "failed")}

    @property
    def active(self) -> list[Object]:
        """Pods that run or will run."""
        return [pod for pod in self.pods if is_active(pod)]

    @property
    def terminating(self) -> list[Object]:
        """Pods that are being deleted and have not ended."""
        return [pod for pod in self.pods if is_deleting(pod) and not has_ended(pod)]

    def _newly(self, outcome: str) -> list[Object]:
        noted = {uid for uids in self.uncounted.values() for uid in uids}
        return [
            pod
            for pod in self.pods
            if is_tracked(pod)
            and has_ended(pod)
            and uid_of(pod) not in noted
            and (phase(pod) == "Succeeded") == (outcome == "succeeded")
            and not self._is_ignored(pod)
        ]

    def _is_ignored(self, pod: Object) -> bool:
        """Whether podFailurePolicy says that this failure does not count."""
        found = match_failure(self.spec, pod)
        return found is not None and found.action == "Ignore"

    def noted(self) -> dict[str, list[str]]:
        """What `uncountedTerminatedPods` must hold before finalizers may go."""
        return {
            outcome: [*uids, *(uid_of(pod) for pod in self._newly(outcome))]
            for outcome, uids in self.uncounted.items()
        }

    def completed_indexes(self) -> set[int]:
        """Indexes that have a succeeded pod."""
        done = parse_indexes(self.status.get("completedIndexes", ""))
        ends = (pod for pod in self.pods if phase(pod) == "Succeeded")
        return done | {index for pod in ends if (index := index_of(pod)) is not None}

    @property
    def succeeded(self) -> int:
        """Successful ends; of an Indexed Job, completed indexes."""
        if self.is_indexed:
            return len(self.completed_indexes())
        return int(self.status.get("succeeded") or 0) + len(self.noted()["succeeded"])

    @property
    def failed(self) -> int:
        """Failed ends."""
        return int(self.status.get("failed") or 0) + len(self.noted()["failed"])

    def verdict(self) -> Verdict | None:
        """How the Job is over, if it is; a verdict that was reached once stays."""
        for target, final in (("SuccessCriteriaMet", "Complete"), ("FailureTarget", "Failed")):
            known = condition(self.job, target)
            if known is not None and known["status"] == "True":
                return Verdict(final, known.get("reason", ""), known.get("message", ""))
        return self._by_policy() or self._by_count()

    def _by_policy(self) -> Verdict | None:
        for pod in self.pods:
            found = match_failure(self.spec, pod)
            if found is not None and found.action == "FailJob":
                return Verdict("Failed", "PodFailurePolicy", found.message)
        rule = satisfied_rule(self.spec, self.completed_indexes()) if self.is_indexed else None
        if rule is None:
            return None
        return Verdict("Complete", "SuccessPolicy", f"Matched rules at index {rule}")

    def _by_count(self) -> Verdict | None:
        limit = self.spec.get("backoffLimit", 6)
        if self.failed > limit or self._restarts_past(limit):
            return Verdict("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        left = self.deadline_in_s()
        if left is not None and left <= 0:
            return Verdict("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
        wanted = self.spec.get("completions")
        finished_queue = self.succeeded > 0 and not self.active
        if finished_queue if wanted is None else self.succeeded >= wanted:
            return Verdict("Complete", "CompletionsReached", "Reached expected number of succeeded pods")
        return None

    def _restarts_past(self, limit: int) -> bool:
        if self.spec["template"]["spec"].get("restartPolicy") != "OnFailure":
            return False
        restarts = sum(
            one.get("restartCount", 0)
            for pod in self.active
            for part in ("initContainerStatuses", "containerStatuses")
            for one in (pod.get("status") or {}).get(part) or []
        )
        return bool(restarts >= max(1, limit))

    def deadline_in_s(self) -> float | None:
        """Seconds until activeDeadlineSeconds strikes; None when it can't."""
        deadline, start = self.spec.get("activeDeadlineSeconds"), time_of(self.status.get("startTime"))
        if deadline is None or start is None or self.spec.get("suspend"):
            return None
        return float((start + timedelta(seconds=deadline) - self.now).total_seconds())

    def backoff_in_s(self) -> float:
        """Seconds until a failed pod may be replaced: 10 s, doubled with each failure since the last
        success.
        """
        ends = [
            (moment, phase(pod))
            for pod in self.pods
            if has_ended(pod) and not self._is_ignored(pod) and (moment := ended_at(pod))
        ]
        last_success = max((moment for moment, how in ends if how == "Succeeded"), default=None)
        failures = [
            moment
            for moment, how in ends
            if how != "Succeeded" and (last_success is None or moment > last_success)
        ]
        if not failures:
            return 0.0
        wait_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * float(2 ** min(len(failures) - 1, 16)))
        return max(0.0, wait_s - (self.now - max(failures)).total_seconds())

    def wanted_active(self) -> int:
        """How many pods should be running now."""
        if self.spec.get("suspend"):
            return 0
        parallelism = int(self.spec.get("parallelism", 1))
        completions = self.spec.get("completions")
        if completions is None:
            return min(parallelism, len(self.active)) if self.succeeded else parallelism
        return min(parallelism, max(0, int(completions) - self.succeeded))

    def missing(self) -> int:
        """How many pods to make (or, negative, to delete)."""
        lack = self.wanted_active() - len(self.active)
        if lack > 0 and self.spec.get("podReplacementPolicy") == "Failed":
            lack = max(0, lack - len(self.terminating))
        return lack

    def free_indexes(self) -> Iterable[int]:
        """Indexes that have no successful and no active pod, lowest first."""
        busy = self.completed_indexes() | {index_of(pod) for pod in self.active}
        return (one for one in range(self.spec.get("completions") or 0) if one not in busy)
