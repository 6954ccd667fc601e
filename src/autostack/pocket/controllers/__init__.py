"""The controllers: each makes the cluster what its objects say, through the API client alone.

They share one copy of every kind (an informer), one reconcile loop and one Event writer. They are driven by
changes: a timer runs only where the API itself speaks of time (deadlines, schedules, metrics).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from autostack.pocket.client import ApiClient
from autostack.pocket.controllers import (
    autoscaling,
    cronjob,
    daemonset,
    deployment,
    disruption,
    endpoints,
    endpointslice,
    job,
    namespaces,
    replicaset,
    scheduler,
    statefulset,
    stray_pods,
    taints,
    volumes,
)
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.garbage import GarbageCollector
from autostack.pocket.controllers.loop import run_controller


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """What the controllers need to know of the machine."""

    volumes: Path
    """The folder in which persistent volumes are made; it must be the owner's alone (mode 0700)."""


async def run_all(client: ApiClient, settings: ControllerSettings) -> None:
    """Run every controller, the scheduler and the garbage collector until cancelled."""
    await run_on(Cluster(client), settings)


async def run_on(cluster: Cluster, settings: ControllerSettings) -> None:
    """`run_all` on a cluster view that others share (or whose clock a test holds)."""
    everyone = [
        deployment.controller(cluster),
        replicaset.controller(cluster),
        statefulset.controller(cluster),
        daemonset.controller(cluster),
        job.controller(cluster),
        cronjob.controller(cluster),
        endpointslice.controller(cluster),
        endpoints.controller(cluster),
        volumes.claim_controller(cluster, settings.volumes),
        volumes.volume_controller(cluster, settings.volumes),
        autoscaling.controller(cluster),
        disruption.controller(cluster),
        namespaces.controller(cluster),
        stray_pods.controller(cluster),
        taints.controller(cluster),
        scheduler.controller(cluster),
    ]
    collector = GarbageCollector(cluster)
    async with asyncio.TaskGroup() as tasks:
        for one in everyone:
            tasks.create_task(run_controller(one, cluster), name=one.name)
        tasks.create_task(collector.run(), name="garbage-collector")
        await asyncio.sleep(0)  # every controller registers what it watches before the first list
        cluster.start(tasks)
