"""Server-side apply: what each manager owns, and what follows from it."""

from __future__ import annotations

from typing import Any

import pytest

from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.client import Resource
from autostack.pocket.errors import ApiError

CONFIG_MAPS = Resource("", "v1", "configmaps")
SERVICES = Resource("", "v1", "services")


def stated(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


async def apply(
    server: ApiServer, obj: dict[str, Any], manager: str, *, force: bool = False, to: Resource = CONFIG_MAPS
) -> dict[str, Any]:
    name = obj["metadata"]["name"]
    client = server.client()
    return await client.patch(
        to, name, obj, "default", patch_type="apply", field_manager=manager, force=force
    )


async def test_a_field_no_longer_stated_goes_unless_somebody_else_owns_it(pocket_api: ApiServer) -> None:
    await apply(pocket_api, stated(a="1", b="1", c="1"), "one")
    await apply(pocket_api, stated(b="1"), "two")
    left = await apply(pocket_api, stated(a="1"), "one")
    assert left["data"] == {"a": "1", "b": "1"}


async def test_agreement_is_shared_ownership_and_disagreement_a_conflict(pocket_api: ApiServer) -> None:
    await apply(pocket_api, stated(a="1"), "one")
    await apply(pocket_api, stated(a="1"), "two")
    with pytest.raises(ApiError) as caught:
        await apply(pocket_api, stated(a="2"), "three")
    assert caught.value.code == 409
    assert {cause["message"] for cause in caught.value.details["causes"]} == {
        'conflict with "one"',
        'conflict with "two"',
    }
    assert [cause["field"] for cause in caught.value.details["causes"]] == [".data.a", ".data.a"]
    forced = await apply(pocket_api, stated(a="2"), "three", force=True)
    assert forced["data"] == {"a": "2"}
    assert [entry["manager"] for entry in forced["metadata"]["managedFields"]] == ["three"]


async def test_an_update_takes_the_field_from_the_applier(pocket_api: ApiServer) -> None:
    await apply(pocket_api, stated(a="1"), "one")
    await pocket_api.client().patch(CONFIG_MAPS, "c", {"data": {"a": "2"}}, "default", field_manager="editor")
    with pytest.raises(ApiError, match='conflict with "editor"'):
        await apply(pocket_api, stated(a="1"), "one")


async def test_applying_the_same_twice_makes_no_version(pocket_api: ApiServer) -> None:
    first = await apply(pocket_api, stated(a="1"), "one")
    again = await apply(pocket_api, stated(a="1"), "one")
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_keyed_lists_are_owned_item_by_item(pocket_api: ApiServer) -> None:
    def service(*ports: int) -> dict[str, Any]:
        listed = [{"name": f"p{port}", "port": port} for port in ports]
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": listed}}

    await apply(pocket_api, service(80, 81), "one", to=SERVICES)
    await apply(pocket_api, service(90), "two", to=SERVICES)
    left = await apply(pocket_api, service(80), "one", to=SERVICES)
    assert [port["port"] for port in left["spec"]["ports"]] == [80, 90]


async def test_an_apply_without_a_manager_or_a_kind_is_refused(pocket_api: ApiServer) -> None:
    with pytest.raises(ApiError, match="must have kind"):
        await apply(pocket_api, {"apiVersion": "v1", "metadata": {"name": "c"}}, "one")
