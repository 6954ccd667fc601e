"""Deletion: what goes with its owner, what stays, what waits; namespaces; circles."""

from __future__ import annotations

from typing import Any

from autostack.pocket.controllers.kinds import (
    CONFIG_MAP,
    CUSTOM_RESOURCE,
    DEPLOYMENT,
    NAMESPACE,
    POD,
    Kind,
    Resource,
)
from autostack.pocket.controllers.meta import name_of, owners_of

from .conftest import World, workload

WIDGET = Kind(Resource("example.org", "v1", "widgets"), "Widget")


def owned_by(owner: dict[str, Any], kind: Kind = CONFIG_MAP, *, block: bool = False) -> dict[str, Any]:
    reference = {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "name": name_of(owner),
        "uid": owner["metadata"]["uid"],
        "blockOwnerDeletion": block,
    }
    return {"ownerReferences": [reference]}


async def test_background_deletion_takes_the_dependents_afterwards(controllers: World) -> None:
    owner = await controllers.create(CONFIG_MAP, "owner")
    child = await controllers.create(CONFIG_MAP, "child", metadata=owned_by(owner))
    await controllers.create(CONFIG_MAP, "grandchild", metadata=owned_by(child))
    await controllers.client.delete(CONFIG_MAP.resource, "owner", "default")
    await controllers.until_gone(CONFIG_MAP, "child")
    await controllers.until_gone(CONFIG_MAP, "grandchild")


async def test_foreground_deletion_waits_for_a_blocking_dependent(controllers: World) -> None:
    owner = await controllers.create(CONFIG_MAP, "owner")
    held = {**owned_by(owner, block=True), "finalizers": ["example.org/hold"]}
    await controllers.create(CONFIG_MAP, "child", metadata=held)
    await controllers.client.delete(CONFIG_MAP.resource, "owner", "default", propagation="Foreground")
    await controllers.until(CONFIG_MAP, "child", lambda one: one["metadata"].get("deletionTimestamp"))
    assert (await controllers.get(CONFIG_MAP, "owner"))["metadata"]["finalizers"] == ["foregroundDeletion"]
    await controllers.patch(CONFIG_MAP, "child", {"metadata": {"finalizers": []}})
    await controllers.until_gone(CONFIG_MAP, "owner")


async def test_orphan_deletion_leaves_the_dependents_without_their_owner(controllers: World) -> None:
    owner = await controllers.create(CONFIG_MAP, "owner")
    await controllers.create(CONFIG_MAP, "child", metadata=owned_by(owner))
    await controllers.client.delete(CONFIG_MAP.resource, "owner", "default", propagation="Orphan")
    await controllers.until_gone(CONFIG_MAP, "owner")
    assert owners_of(await controllers.get(CONFIG_MAP, "child")) == []


async def test_a_dependent_with_a_living_owner_only_forgets_the_dead_one(controllers: World) -> None:
    first = await controllers.create(CONFIG_MAP, "first")
    second = await controllers.create(CONFIG_MAP, "second")
    both = [*owned_by(first)["ownerReferences"], *owned_by(second)["ownerReferences"]]
    await controllers.create(CONFIG_MAP, "child", metadata={"ownerReferences": both})
    await controllers.client.delete(CONFIG_MAP.resource, "first", "default")
    child = await controllers.until(CONFIG_MAP, "child", lambda one: len(owners_of(one)) == 1)
    assert owners_of(child)[0]["name"] == "second"


async def test_an_object_whose_owner_never_was_is_collected(controllers: World) -> None:
    ghost = {"metadata": {"name": "ghost", "uid": "00000000-0000-0000-0000-000000000000"}}
    await controllers.create(CONFIG_MAP, "child", metadata=owned_by(ghost))
    await controllers.until_gone(CONFIG_MAP, "child")


async def test_a_circle_of_owners_can_be_deleted_in_the_foreground(controllers: World) -> None:
    first = await controllers.create(CONFIG_MAP, "first")
    second = await controllers.create(CONFIG_MAP, "second", metadata=owned_by(first, block=True))
    await controllers.patch(CONFIG_MAP, "first", {"metadata": owned_by(second, block=True)})
    await controllers.client.delete(CONFIG_MAP.resource, "first", "default", propagation="Foreground")
    await controllers.until_gone(CONFIG_MAP, "first")
    await controllers.until_gone(CONFIG_MAP, "second")


async def test_custom_objects_are_collected_too(controllers: World) -> None:
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": "example.org", "scope": "Namespaced", "names": names, "versions": [version]}
    await controllers.create(CUSTOM_RESOURCE, "widgets.example.org", spec)
    await controllers.until(
        CUSTOM_RESOURCE,
        "widgets.example.org",
        lambda one: any(c["type"] == "Established" for c in (one.get("status") or {}).get("conditions", [])),
    )
    owner = await controllers.create(WIDGET, "owner")
    await controllers.create(CONFIG_MAP, "child", metadata=owned_by(owner, WIDGET))
    await controllers.client.delete(WIDGET.resource, "owner", "default")
    await controllers.until_gone(CONFIG_MAP, "child")


async def test_a_namespace_goes_when_everything_in_it_has_gone(world: World) -> None:
    await world.create(NAMESPACE, "team")
    body = {"metadata": {"name": "web"}, "spec": workload("web", 2)}
    await world.client.create(DEPLOYMENT.resource, body, "team")
    held = {"metadata": {"name": "held", "finalizers": ["example.org/hold"]}}
    await world.client.create(CONFIG_MAP.resource, held, "team")
    await world.client.delete(NAMESPACE.resource, "team")
    waiting = await world.until(
        NAMESPACE, "team", lambda one: "held" and (one["status"].get("conditions") or [])
    )
    assert waiting["status"]["phase"] == "Terminating"
    reasons = {one["reason"] for one in waiting["status"]["conditions"]}
    assert reasons == {"SomeResourcesRemain", "SomeFinalizersRemain"}
    await world.client.patch(CONFIG_MAP.resource, "held", {"metadata": {"finalizers": []}}, "team")
    await world.until_gone(NAMESPACE, "team")
    assert (await world.client.list(POD.resource, "team")).items == []
