"""Schemas of custom resources: what a definition may say, and what its objects are held to."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from autostack.pocket.apiserver.extensions import schema_rules, structural
from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.client import Resource
from autostack.pocket.errors import ApiError
from autostack.pocket.store.sqlite import SqliteJournal

DEFINITIONS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")
TOOLS = Resource("example.com", "v1", "tools")
TEXT = {"type": "string"}


def definition(spec: dict[str, Any], **version: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": spec}}}
    names = {"plural": "tools", "kind": "Tool", "listKind": "Toolbox"}
    served = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, **version}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [served]}
    return {"metadata": {"name": "tools.example.com"}, "spec": spec}


def tool(name: str = "t", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Tool", "metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    ("field", "where"),
    [
        ({"$ref": "#/x", "type": "object"}, "$ref"),
        ({"type": "array", "items": TEXT, "uniqueItems": True}, "uniqueItems"),
        ({"type": "array", "items": [TEXT]}, "items"),
        ({"type": "object", "additionalProperties": False}, "additionalProperties"),
        ({"type": "object", "additionalProperties": TEXT, "properties": {"a": TEXT}}, "additionalProperties"),
        ({"type": "object", "patternProperties": {"^a": TEXT}}, "patternProperties"),
        ({}, "type"),
        ({"type": "object", "allOf": [{"x-kubernetes-validations": [{"rule": "true"}]}]}, "CEL"),
    ],
)
def test_a_schema_that_is_not_structural_is_refused(field: dict[str, Any], where: str) -> None:
    schema = {"type": "object", "properties": {"a": field}}
    said = [f"{error.field}: {error.detail}" for error in schema_rules.errors(schema, "root")]
    assert [text for text in said if where in text and text.startswith("root.properties[a]")]


@pytest.mark.parametrize(
    "field",
    [
        {"x-kubernetes-int-or-string": True},
        {"type": "object", "properties": {"id": TEXT, "type": TEXT, "$ref": TEXT}},
        {"type": "object", "additionalProperties": {"type": "array", "items": TEXT}},
        {"type": "integer", "anyOf": [{"minimum": 3}, {"maximum": 1}], "not": {"enum": [7]}},
    ],
)
def test_a_structural_schema_is_taken(field: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"a": field}}
    assert list(schema_rules.errors(schema, "root")) == []


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date-time", "2026-11-25T12:00:00Z", "yesterday"),
        ("date", "2026-11-25", "2026-13-25"),
        ("duration", "1h30m", "soon"),
        ("ipv4", "10.0.0.1", "10.0.0"),
        ("ipv6", "::1", "10.0.0.1"),
        ("cidr", "10.0.0.0/8", "10.0.0.0"),
        ("uuid", "12345678-1234-1234-1234-123456789abc", "1234"),
        ("byte", "YQ==", "a b"),
        ("hostname", "a.b", "a..b"),
        ("uri", "https://a/b", "no uri"),
        ("mac", "00:11:22:33:44:55", "00:11"),
    ],
)
def test_formats_of_strings_are_checked(name: str, good: str, bad: str) -> None:
    validator = structural.compiled({"type": "string", "format": name})
    assert (validator.is_valid(good), validator.is_valid(bad)) == (True, False)


def test_formats_of_numbers_are_bounds_and_unknown_formats_are_told() -> None:
    validator = structural.compiled({"type": "integer", "format": "int32"})
    assert (validator.is_valid(2**31 - 1), validator.is_valid(2**31)) == (True, False)
    schema = {"type": "object", "properties": {"a": {"type": "string", "format": "isbn"}}}
    assert "'isbn' is not checked" in next(schema_rules.warnings(schema, "root"))


async def test_lists_that_are_sets_or_maps_have_no_item_twice(pocket_api: ApiServer) -> None:
    item = {"type": "object", "properties": {"name": TEXT, "port": {"type": "integer"}}}
    keyed = {"type": "array", "items": item, "x-kubernetes-list-type": "map"}
    keyed["x-kubernetes-list-map-keys"] = ["name"]
    fields = {"tags": {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"}, "ports": keyed}
    client = pocket_api.client()
    await client.create(DEFINITIONS, definition(fields))
    ports = [{"name": "a", "port": 1}, {"name": "b", "port": 1}]
    await client.create(TOOLS, tool(tags=["a", "b"], ports=ports), "default")
    for wrong in ({"tags": ["a", "a"]}, {"ports": [*ports, {"name": "a", "port": 2}]}):
        with pytest.raises(ApiError) as refused:
            await client.create(TOOLS, tool("other", **wrong), "default")
        assert "Duplicate value" in refused.value.message


async def test_selectable_fields_choose_and_others_are_refused(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    version = {"selectableFields": [{"jsonPath": ".spec.colour"}]}
    await client.create(DEFINITIONS, definition({"colour": TEXT, "size": TEXT}, **version))
    for name, colour in (("a", "red"), ("b", "blue")):
        await client.create(TOOLS, tool(name, colour=colour), "default")
    found = await client.list(TOOLS, "default", field_selector="spec.colour=red")
    assert [one["metadata"]["name"] for one in found.items] == ["a"]
    with pytest.raises(ApiError) as refused:
        await client.list(TOOLS, "default", field_selector="spec.size=1")
    assert "field label not supported: spec.size" in refused.value.message


async def test_an_object_that_comes_while_its_definition_goes_does_not_hold_it(tmp_path: Path) -> None:
    server = await ApiServer.open(SqliteJournal(tmp_path / "store.db"))
    client = server.client()

    async def create_after(steps: int) -> None:
        for _ in range(steps):
            await asyncio.sleep(0)
        with contextlib.suppress(ApiError):  # refused once the definition is marked
            await client.create(TOOLS, tool(f"t{steps}"), "default")

    for _ in range(20):
        await client.create(DEFINITIONS, definition({}))
        assert (await client.list(TOOLS, "default")).items == []
        ending = client.delete(DEFINITIONS, "tools.example.com")
        await asyncio.gather(ending, *(create_after(steps) for steps in range(12)))
        with pytest.raises(ApiError) as gone:
            await client.get(DEFINITIONS, "tools.example.com")
        assert gone.value.code == 404
    await server.close()


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    ("schema", "code", "said"),
    [
        (nested(150), 400, "nested deeper than"),
        (
            {
                "type": "object",
                "properties": {f"f{n}": {"type": "string", "title": "x" * 1000} for n in range(1100)},
            },
            422,
            "Too long: may not be more than 1048576 bytes",
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string", "pattern": "(a{1000}){1000}"}}},
            422,
            "is not a",
        ),
    ],
    ids=["too deep", "too long", "an expression that is too large"],
)
async def test_a_schema_that_costs_too_much_is_refused(
    pocket_api: ApiServer, schema: dict[str, Any], code: int, said: str
) -> None:
    body = definition({})
    body["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = schema
    with pytest.raises(ApiError) as refused:
        await pocket_api.client().create(DEFINITIONS, body)
    assert refused.value.code == code
    assert said in refused.value.message
