"""How many pods each ReplicaSet gets in the next step of a rollout. Pure arithmetic, as the reference
controller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autostack.pocket.client import Object
from autostack.pocket.controllers.deployment.rollout import (
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    Rollout,
    age_order,
    number_annotation,
    spec_replicas,
    status_count,
)
from autostack.pocket.controllers.meta import name_of


@dataclass(frozen=True, slots=True)
class Scale:
    """Give a ReplicaSet that many pods."""

    replica_set: Object
    replicas: int


def new_size(rollout: Rollout, current: int) -> int:
    """The size of the new ReplicaSet, which has `current` pods now: as many as the surge leaves room for."""
    if current >= rollout.replicas or not rollout.is_rolling:
        return rollout.replicas
    total = rollout.total()
    room = rollout.replicas + rollout.max_surge - total
    if room <= 0:
        return current
    return current + min(room, rollout.replicas - current)


def next_step(rollout: Rollout) -> list[Scale]:
    """One step of a rolling update: the new one up if it may grow, else the old ones down; [] when it must
    wait.
    """
    if rollout.new is not None:
        current = spec_replicas(rollout.new)
        wanted = new_size(rollout, current)
        if wanted != current:
            return [Scale(rollout.new, wanted)]
    return _shrink_old(rollout)


def _shrink_old(rollout: Rollout) -> list[Scale]:
    if rollout.new is None or not any(map(spec_replicas, rollout.old)):
        return []
    least = rollout.replicas - rollout.max_unavailable
    unavailable_new = spec_replicas(rollout.new) - status_count(rollout.new, "availableReplicas")
    room = rollout.total() - least - unavailable_new
    if room <= 0:
        return []
    sizes = {name_of(one): spec_replicas(one) for one in rollout.old}
    _drop_unhealthy(rollout.old, sizes, room)
    available = sum(status_count(one, "availableReplicas") for one in rollout.all)
    _drop_healthy(rollout.old, sizes, available - least)
    return [
        Scale(one, sizes[name_of(one)]) for one in rollout.old if sizes[name_of(one)] != spec_replicas(one)
    ]


def _drop_unhealthy(old: Sequence[Object], sizes: dict[str, int], room: int) -> None:
    """Pods that are not available can go without anyone's loss, so they go first."""
    for one in old:
        sick = sizes[name_of(one)] - status_count(one, "availableReplicas")
        dropped = min(room, max(0, sick))
        sizes[name_of(one)] -= dropped
        room -= dropped


def _drop_healthy(old: Sequence[Object], sizes: dict[str, int], room: int) -> None:
    for one in old:
        dropped = min(max(0, room), sizes[name_of(one)])
        sizes[name_of(one)] -= dropped
        room -= dropped


def all_old_to_zero(rollout: Rollout) -> list[Scale]:
    """Recreate's first step."""
    return [Scale(one, 0) for one in rollout.old if spec_replicas(one) > 0]


def is_scaling_event(rollout: Rollout) -> bool:
    """Whether the wanted number changed since the ReplicaSets were last sized."""
    recorded = [number_annotation(one, DESIRED_REPLICAS) for one in rollout.active]
    return any(value is not None and value != rollout.replicas for value in recorded)


def is_saturated(rollout: Rollout) -> bool:
    """Whether the new ReplicaSet alone has all pods, available."""
    new = rollout.new
    return (
        new is not None
        and spec_replicas(new) == rollout.replicas
        and number_annotation(new, DESIRED_REPLICAS) == rollout.replicas
        and status_count(new, "availableReplicas") == rollout.replicas
    )


def proportional(rollout: Rollout) -> list[Scale]:
    """Spread a change of `spec.replicas` over the ReplicaSets without rolling anything out."""
    active = rollout.active
    if len(active) <= 1:
        latest = active[0] if active else rollout.new or (rollout.old[-1] if rollout.old else None)
        return [Scale(latest, rollout.replicas)] if latest is not None else []
    if is_saturated(rollout):
        return all_old_to_zero(rollout)
    return _spread(rollout, active) if rollout.is_rolling else []


def _spread(rollout: Rollout, active: list[Object]) -> list[Scale]:
    allowed = rollout.replicas + rollout.max_surge if rollout.replicas else 0
    to_add = allowed - sum(map(spec_replicas, active))
    ordered = sorted(active, key=age_order, reverse=to_add > 0)
    ordered.sort(key=spec_replicas, reverse=True)
    sizes: list[int] = []
    added = 0
    for one in ordered:
        part = _share(rollout, one, to_add, added)
        sizes.append(spec_replicas(one) + part)
        added += part
    sizes[0] = max(0, sizes[0] + to_add - added)  # what rounding left over goes to the largest
    return [Scale(one, size) for one, size in zip(ordered, sizes, strict=True)]


def _share(rollout: Rollout, one: Object, to_add: int, added: int) -> int:
    size, rest = spec_replicas(one), to_add - added
    if size == 0 or rest == 0:
        return 0
    before = number_annotation(one, MAX_REPLICAS) or status_count(rollout.deployment, "replicas")
    if rollout.replicas == 0 or before == 0:
        fraction = -size if rollout.replicas == 0 else 0
    else:
        after = size * (rollout.replicas + rollout.max_surge) / before
        fraction = int(after + 0.5) - size
    return min(fraction, rest) if to_add > 0 else max(fraction, rest)
