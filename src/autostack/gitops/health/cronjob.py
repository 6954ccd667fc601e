"""CronJob: Degraded when its last finished run failed; one that never ran is taken for healthy."""

from __future__ import annotations

from autostack.gitops.health.verdict import DEGRADED, HEALTHY, Health
from autostack.gitops.objects import Object


def assess(live: Object) -> Health:
    """The CronJob's health."""
    status = live.get("status") or {}
    scheduled, succeeded = status.get("lastScheduleTime"), status.get("lastSuccessfulTime")
    if (live.get("spec") or {}).get("suspend"):
        return Health(HEALTHY, "CronJob is Suspended")
    if not scheduled:
        return Health(HEALTHY, "CronJob has not been scheduled yet")
    if not succeeded:
        return Health(HEALTHY, "The CronJob never completed successfully. It may not be healthy")
    if status.get("active"):
        return Health(HEALTHY, "The job is running. Its last execution may not have been successful")
    if succeeded < scheduled:
        return Health(DEGRADED, "CronJob has not completed its last execution successfully")
    return Health(HEALTHY, "CronJob has completed its last execution successfully")
