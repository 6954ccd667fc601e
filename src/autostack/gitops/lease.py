"""Leadership by a Lease, so that of two controllers only one syncs.

The holder renews every few seconds; whoever finds a lease that has not moved for its whole duration, by
its own clock, takes it. A holder that cannot renew for that long stops before another can have begun.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from autostack.gitops.api import LEASES, KubernetesApi
from autostack.gitops.errors import ApiError, ConflictError, NotFoundError, UnreachableError
from autostack.gitops.objects import Object

log = logging.getLogger(__name__)
LEASE_NAME = "autostack-gitops"
DURATION_S = 10
RENEW_S = 2.0


class Leadership:
    """`held` is set while we lead; `run` strives for it until cancelled, and gives it up then."""

    def __init__(
        self,
        api: KubernetesApi,
        namespace: str,
        identity: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._namespace, self._identity, self._clock = api, namespace, identity, clock
        self._seen: tuple[str, str] = ("", "")
        self._seen_at = clock()
        self._renewed_at = -float("inf")
        self.held = asyncio.Event()
        self.lost = asyncio.Event()

    async def run(self) -> None:
        """Acquire and renew."""
        try:
            while True:
                try:
                    is_ours = await self._strive()
                except (ApiError, UnreachableError) as error:
                    log.warning("lease not renewed", extra={"fields": {"error": str(error)}})
                    is_ours = self._clock() - self._renewed_at < DURATION_S - RENEW_S and self.held.is_set()
                self._set(is_ours)
                await asyncio.sleep(RENEW_S if is_ours else RENEW_S / 4)
        finally:
            if self.held.is_set():
                await self._release()

    def _set(self, is_ours: bool) -> None:
        if is_ours and not self.held.is_set():
            log.info("leading", extra={"fields": {"identity": self._identity}})
            self.lost.clear()
            self.held.set()
        elif not is_ours and self.held.is_set():
            log.warning("no longer leading", extra={"fields": {"identity": self._identity}})
            self.held.clear()
            self.lost.set()

    async def _strive(self) -> bool:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        try:
            lease = await self._api.get(LEASES, LEASE_NAME, self._namespace)
        except NotFoundError:
            lease = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": LEASE_NAME, "namespace": self._namespace},
            }
        spec: Object = lease.get("spec") or {}
        holder, renewed = spec.get("holderIdentity") or "", spec.get("renewTime") or ""
        if (holder, renewed) != self._seen:
            self._seen, self._seen_at = (holder, renewed), self._clock()
        is_free = not holder or self._clock() - self._seen_at > (
            spec.get("leaseDurationSeconds") or DURATION_S
        )
        if holder != self._identity and not is_free:
            return False
        taken = holder != self._identity
        lease["spec"] = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": DURATION_S,
            "acquireTime": now if taken else spec.get("acquireTime", now),
            "renewTime": now,
            "leaseTransitions": int(spec.get("leaseTransitions") or 0) + taken,
        }
        started = self._clock()
        try:
            if "resourceVersion" in lease["metadata"]:
                await self._api.replace(LEASES, lease, LEASE_NAME, self._namespace)
            else:
                await self._api.create(LEASES, lease, self._namespace)
        except ConflictError:
            return False
        self._renewed_at = started
        return True

    async def _release(self) -> None:
        self.held.clear()
        try:
            async with asyncio.timeout(2):
                body = {"spec": {"holderIdentity": "", "leaseDurationSeconds": 1}}
                await self._api.merge(LEASES, LEASE_NAME, self._namespace, body)
        except (ApiError, UnreachableError, TimeoutError) as error:
            log.warning("lease not released", extra={"fields": {"error": str(error)}})
