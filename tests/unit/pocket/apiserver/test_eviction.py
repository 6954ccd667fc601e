"""Which pods an eviction lets go, by what the disruption budget's status says."""

from __future__ import annotations

from typing import Any

import pytest

from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.client import Resource
from autostack.pocket.errors import ApiError

PODS = Resource("", "v1", "pods")
BUDGETS = Resource("policy", "v1", "poddisruptionbudgets")
LABELS = {"app": "web"}


async def prepare(api: ApiServer, policy: str, *, ready: bool, **counted: int) -> None:
    """A running pod `p` under a budget whose controller has counted so many."""
    client = api.client()
    spec = {"containers": [{"name": "c", "image": "i:1"}], "nodeName": "node"}
    await client.create(PODS, {"metadata": {"name": "p", "labels": LABELS}, "spec": spec}, "default")
    condition = {"type": "Ready", "status": str(ready)}
    status: dict[str, Any] = {"phase": "Running", "conditions": [condition]}
    await client.patch(PODS, "p", {"status": status}, "default", subresource="status")
    choice = {"unhealthyPodEvictionPolicy": policy} if policy else {}
    budget = {"minAvailable": 1, "selector": {"matchLabels": LABELS}, **choice}
    await client.create(BUDGETS, {"metadata": {"name": "b"}, "spec": budget}, "default")
    status = {"observedGeneration": 1, "expectedPods": 2, "disruptionsAllowed": 0, **counted}
    await client.patch(BUDGETS, "b", {"status": status}, "default", subresource="status")


async def evict(api: ApiServer, **options: Any) -> Any:
    body = {"metadata": {"name": "p"}, **options}
    return await api.client().create(PODS, body, "default", subresource="eviction", name="p")


@pytest.mark.parametrize(
    ("policy", "ready", "healthy", "wanted", "goes"),
    [
        ("", False, 1, 1, True),  # IfHealthyBudget is the default
        ("IfHealthyBudget", False, 1, 1, True),
        ("IfHealthyBudget", False, 0, 1, False),
        ("IfHealthyBudget", False, 0, 0, False),  # nothing to be healthy against: the allowance decides
        ("AlwaysAllow", False, 0, 1, True),
        ("AlwaysAllow", True, 1, 1, False),  # a ready pod always spends
    ],
)
async def test_a_pod_that_is_not_ready_goes_by_the_policy(
    pocket_api: ApiServer, *, policy: str, ready: bool, healthy: int, wanted: int, goes: bool
) -> None:
    await prepare(pocket_api, policy, ready=ready, currentHealthy=healthy, desiredHealthy=wanted)
    if goes:
        await evict(pocket_api)
    else:
        with pytest.raises(ApiError) as refused:
            await evict(pocket_api)
        assert refused.value.code == 429
    pod = await pocket_api.client().get(PODS, "p", "default")
    assert ("deletionTimestamp" in pod["metadata"]) is goes
    budget = await pocket_api.client().get(BUDGETS, "b", "default")
    assert "disruptedPods" not in budget["status"]


async def test_an_eviction_keeps_its_preconditions(pocket_api: ApiServer) -> None:
    await prepare(pocket_api, "AlwaysAllow", ready=False)
    for precondition in ({"resourceVersion": "1"}, {"uid": "another"}):
        with pytest.raises(ApiError) as refused:
            await evict(pocket_api, deleteOptions={"preconditions": precondition})
        assert refused.value.code == 409


async def test_an_unknown_policy_is_refused(pocket_api: ApiServer) -> None:
    with pytest.raises(ApiError) as refused:
        await prepare(pocket_api, "Sometimes", ready=False)
    assert refused.value.code == 422
    assert "spec.unhealthyPodEvictionPolicy" in refused.value.message


async def test_an_eviction_is_created_and_nothing_else(pocket_api: ApiServer) -> None:
    await prepare(pocket_api, "", ready=True)
    with pytest.raises(ApiError) as refused:
        await pocket_api.client().update(
            PODS, {"metadata": {"name": "p", "namespace": "default"}}, subresource="eviction"
        )
    assert refused.value.code == 405
