"""A rollout: a Deployment with its ReplicaSets, of the current template and of earlier ones. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.meta import annotations_of, name_of, scaled

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"


def age_order(obj: Object) -> tuple[str, str]:
    """Sort key: oldest first."""
    return obj["metadata"].get("creationTimestamp") or "", name_of(obj)


def spec_replicas(obj: Object) -> int:
    """`spec.replicas`, 1 when absent."""
    value = obj["spec"].get("replicas")
    return 1 if value is None else int(value)


def status_count(obj: Object, name: str) -> int:
    """A counter of the status, 0 when absent."""
    return int((obj.get("status") or {}).get(name) or 0)


def number_annotation(obj: Object, name: str) -> int | None:
    """A whole number in an annotation; None when it is absent or unreadable."""
    text = annotations_of(obj).get(name, "")
    return int(text) if text.isdigit() else None


def plain_template(template: dict[str, Any]) -> dict[str, Any]:
    """The template without the hash label and creationTimestamp, so that templates compare."""
    metadata = {
        name: value
        for name, value in (template.get("metadata") or {}).items()
        if value and name != "creationTimestamp"
    }
    labels = {name: value for name, value in metadata.get("labels", {}).items() if name != HASH_LABEL}
    metadata.pop("labels", None)
    return {**template, "metadata": {**metadata, **({"labels": labels} if labels else {})}}


@dataclass(frozen=True, slots=True)
class Rollout:
    """One Deployment at one moment. `old` is ordered oldest first."""

    deployment: Object
    new: Object | None
    old: tuple[Object, ...]

    @classmethod
    def of(cls, deployment: Object, replica_sets: Iterable[Object]) -> Rollout:
        """Find the ReplicaSet of the current template (the oldest, should there be several)."""
        ordered = sorted(replica_sets, key=age_order)
        wanted = plain_template(deployment["spec"]["template"])
        new = next((one for one in ordered if plain_template(one["spec"]["template"]) == wanted), None)
        return cls(deployment, new, tuple(one for one in ordered if one is not new))

    @property
    def all(self) -> tuple[Object, ...]:
        """Every ReplicaSet, the new one last."""
        return self.old if self.new is None else (*self.old, self.new)

    @property
    def active(self) -> list[Object]:
        """The ReplicaSets that want pods."""
        return [one for one in self.all if spec_replicas(one) > 0]

    @property
    def replicas(self) -> int:
        """How many pods the Deployment wants."""
        return spec_replicas(self.deployment)

    @property
    def is_rolling(self) -> bool:
        """RollingUpdate, as opposed to Recreate."""
        return bool(
            (self.deployment["spec"].get("strategy") or {}).get("type", "RollingUpdate") == "RollingUpdate"
        )

    def _fenceposts(self) -> tuple[int, int]:
        rolling = (self.deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
        surge = scaled(rolling.get("maxSurge", "25%"), self.replicas, round_up=True)
        unavailable = scaled(rolling.get("maxUnavailable", "25%"), self.replicas, round_up=False)
        return surge, 1 if surge == unavailable == 0 else unavailable

    @property
    def max_surge(self) -> int:
        """Pods above the wanted number; percentages round up."""
        return self._fenceposts()[0] if self.is_rolling else 0

    @property
    def max_unavailable(self) -> int:
        """Pods below the wanted number; percentages round down, and 0 and 0 would never move, so it is 1
        then.
        """
        if not self.is_rolling or self.replicas == 0:
            return 0
        return min(self._fenceposts()[1], self.replicas)

    def total(self) -> int:
        """Pods that the ReplicaSets want together."""
        return sum(map(spec_replicas, self.all))
