"""The one reconcile loop: changes become keys, keys are reconciled one at a time, failures are retried.

A controller is data: what it watches, which keys a changed object concerns, and the function that makes
one key right. The function is called again after any change that concerns the key, so it decides from
the present state alone and may stop at any point. What it returns or raises is the decision:

- None: wait for the next change. A number: look again after that many seconds as well.
- ApiError 404, 409: the view was stale; again at once, with backoff.
- any other ApiError: logged, again with backoff.
- BlockedError: nothing helps until the object changes; it was told in an Event or a condition.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from autostack.pocket.client import Object
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.kinds import Kind
from autostack.pocket.controllers.meta import Key, controller_of, key_of
from autostack.pocket.controllers.workqueue import WorkQueue
from autostack.pocket.errors import ApiError, PocketError

log = logging.getLogger(__name__)

Concerns = Callable[[Object], Iterable[Key]]
Reconcile = Callable[[Cluster, Key], Awaitable[float | None]]


class BlockedError(PocketError):
    """Stop until the object changes."""


def itself(obj: Object) -> Iterable[Key]:
    """The changed object is the one to reconcile."""
    return (key_of(obj),)


def its_controller(kind: Kind) -> Concerns:
    """The changed object's controller, if it is of that kind, is the one to reconcile."""

    def concerns(obj: Object) -> Iterable[Key]:
        owner = controller_of(obj)
        if owner is None or owner["kind"] != kind.name or owner["apiVersion"] != kind.api_version:
            return ()
        return ((key_of(obj)[0], owner["name"]),)

    return concerns


@dataclass(frozen=True, slots=True)
class Controller:
    """One controller. `reads` are kinds that it only looks up, and so must have seen before it starts."""

    name: str
    watches: Mapping[Kind, Concerns]
    reconcile: Reconcile
    reads: Sequence[Kind] = ()
    workers: int = 4


async def run_controller(controller: Controller, cluster: Cluster) -> None:
    """Run one controller until cancelled. Its first step, before it waits, registers what it watches."""
    queue: WorkQueue[Key] = WorkQueue()
    view = cluster.speaking_as(controller.name)
    for kind, concerns in controller.watches.items():
        cluster.informer(kind).listen(_feeding(queue, concerns))
    for kind in (*controller.watches, *controller.reads):
        await cluster.informer(kind).synced.wait()
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(controller.workers):
                group.create_task(work(controller, view, queue), name=f"{controller.name}-{number}")
    finally:
        queue.close()


def _feeding(queue: WorkQueue[Key], concerns: Concerns) -> Callable[[Object | None, Object | None], None]:
    def listener(old: Object | None, new: Object | None) -> None:
        keys = {key for obj in (old, new) if obj is not None for key in concerns(obj)}
        for key in keys:
            queue.add(key)

    return listener


async def work(controller: Controller, cluster: Cluster, queue: WorkQueue[Key]) -> None:
    """One worker: take keys and reconcile them, until cancelled."""
    while True:
        key = await queue.get()
        try:
            again_s = await controller.reconcile(cluster, key)
        except BlockedError as reason:
            queue.succeeded(key)
            log.info("blocked", extra={"controller": controller.name, "key": key, "reason": str(reason)})
        except ApiError as error:
            delay_s = queue.failed(key)
            if error.code not in (404, 409):
                log.warning(
                    "reconcile failed",
                    extra={
                        "controller": controller.name,
                        "key": key,
                        "error": error.message,
                        "again_s": delay_s,
                    },
                )
        except Exception:  # a fault of ours in one object must not stop the others
            queue.failed(key)
            log.exception("reconcile broke", extra={"controller": controller.name, "key": key})
        else:
            queue.succeeded(key)
            if again_s is not None:
                queue.add_after(key, again_s)
        finally:
            queue.done(key)
