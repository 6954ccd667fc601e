"""StatefulSet: all pods ready and at the newest revision, as far as its partition asks."""

from __future__ import annotations

from autostack.gitops.health.verdict import HEALTHY, PROGRESSING, Health
from autostack.gitops.objects import Object, metadata


def assess(live: Object) -> Health:  # noqa: PLR0911 - one return for each state, in Argo CD's order
    """The StatefulSet's health."""
    spec, status = live.get("spec") or {}, live.get("status") or {}
    observed = status.get("observedGeneration", 0)
    if not observed or metadata(live).get("generation", 0) > observed:
        return Health(PROGRESSING, "Waiting for statefulset spec update to be observed...")
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    if ready < wanted:
        return Health(PROGRESSING, f"Waiting for {wanted - ready} pods to be ready...")
    strategy = spec.get("updateStrategy") or {}
    updated = status.get("updatedReplicas", 0)
    partition = (strategy.get("rollingUpdate") or {}).get("partition")
    if strategy.get("type") == "OnDelete":
        return Health(HEALTHY, f"statefulset has {ready} ready pods")
    if partition:
        if updated < wanted - partition:
            return Health(
                PROGRESSING,
                (
                    f"Waiting for partitioned roll out to finish: {updated} out of "
                    f"{wanted - partition} new pods have been updated..."
                ),
            )
        return Health(HEALTHY, f"partitioned roll out complete: {updated} new pods have been updated...")
    if status.get("updateRevision") != status.get("currentRevision"):
        return Health(
            PROGRESSING,
            (
                f"waiting for statefulset rolling update to complete {updated} pods at "
                f"revision {status.get('updateRevision')}..."
            ),
        )
    return Health(
        HEALTHY,
        (
            f"statefulset rolling update complete {status.get('currentReplicas', 0)} pods "
            f"at revision {status.get('currentRevision')}..."
        ),
    )
