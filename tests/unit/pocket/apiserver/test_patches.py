"""Each patch type as a pure function."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autostack.pocket.apiserver.patching import json_patch, merge, strategic
from autostack.pocket.apiserver.patching.fieldsets import (
    changed,
    difference,
    fields_of,
    intersection,
    leaves,
    union,
)
from autostack.pocket.apiserver.schemas import definition_of
from autostack.pocket.errors import ApiError

POD_SPEC = {"$ref": "io.k8s.api.core.v1.PodSpec"}
OBJECT_META = {"$ref": "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text("abc", max_size=2), JSON, max_size=4)


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_follows_the_rfc(target: Any, patch: Any, expected: Any) -> None:
    assert merge.merge(target, patch) == expected


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_applied_twice_is_the_same_as_once(target: Any, patch: Any) -> None:
    once = merge.merge(target, patch)
    assert merge.merge(once, patch) == once


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ([{"op": "add", "path": "/list/-", "value": 3}], {"list": [1, 2, 3], "a/b": {"~": 1}}),
        ([{"op": "add", "path": "/list/0", "value": 0}], {"list": [0, 1, 2], "a/b": {"~": 1}}),
        ([{"op": "replace", "path": "/a~1b/~0", "value": 2}], {"list": [1, 2], "a/b": {"~": 2}}),
        ([{"op": "remove", "path": "/list/1"}], {"list": [1], "a/b": {"~": 1}}),
        ([{"op": "move", "from": "/list/0", "path": "/first"}], {"list": [2], "first": 1, "a/b": {"~": 1}}),
        (
            [{"op": "copy", "from": "/list", "path": "/twin"}],
            {"list": [1, 2], "twin": [1, 2], "a/b": {"~": 1}},
        ),
        ([{"op": "test", "path": "/list/1", "value": 2}], {"list": [1, 2], "a/b": {"~": 1}}),
    ],
)
def test_json_patch_follows_the_rfc(patch: list[Any], expected: Any) -> None:
    document = {"list": [1, 2], "a/b": {"~": 1}}
    assert json_patch.apply(document, patch) == expected
    assert document == {"list": [1, 2], "a/b": {"~": 1}}


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "test", "path": "/a", "value": 2}, 422),
        ({"op": "remove", "path": "/b"}, 422),
        ({"op": "replace", "path": "/b", "value": 1}, 422),
        ({"op": "add", "path": "/list/9", "value": 1}, 422),
        ({"op": "add", "path": "/x/y", "value": 1}, 422),
        ({"op": "invent", "path": "/a"}, 400),
        ({"op": "add", "path": "a", "value": 1}, 400),
        ({"op": "add", "path": "/a"}, 400),
    ],
)
def test_a_json_patch_that_does_not_fit_is_refused(operation: dict[str, Any], code: int) -> None:
    with pytest.raises(ApiError) as caught:
        json_patch.apply({"a": 1, "list": []}, [operation])
    assert caught.value.code == code


def test_strategic_merge_knows_keyed_lists() -> None:
    spec = {
        "containers": [
            {"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]},
            {"name": "b", "image": "1"},
        ]
    }
    patch = {"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]}, {"name": "c", "image": "3"}]}
    merged = strategic.apply(spec, patch, POD_SPEC)
    assert [c["name"] for c in merged["containers"]] == ["a", "b", "c"]
    assert merged["containers"][0]["env"] == [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]


def test_strategic_directives_delete_replace_order_and_retain() -> None:
    spec: dict[str, Any] = {
        "containers": [{"name": n, "image": "1"} for n in "abc"],
        "volumes": [{"name": "v", "emptyDir": {}}],
    }
    patch = {
        "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
        "containers": [{"name": "b", "$patch": "delete"}],
        "volumes": [{"name": "v", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}],
    }
    merged = strategic.apply(spec, patch, POD_SPEC)
    assert [c["name"] for c in merged["containers"]] == ["c", "a"]
    assert merged["volumes"] == [{"name": "v", "secret": {"secretName": "s"}}]
    replaced = strategic.apply(spec, {"containers": [{"$patch": "replace"}, {"name": "z"}]}, POD_SPEC)
    assert [c["name"] for c in replaced["containers"]] == ["z"]


def test_strategic_lists_of_scalars_merge_as_sets() -> None:
    merged = strategic.apply({"finalizers": ["a", "b"]}, {"finalizers": ["b", "c"]}, OBJECT_META)
    assert merged["finalizers"] == ["a", "b", "c"]
    merged = strategic.apply(
        {"finalizers": ["a", "b"]}, {"$deleteFromPrimitiveList/finalizers": ["a"]}, OBJECT_META
    )
    assert merged["finalizers"] == ["b"]


def test_an_item_without_its_key_is_refused() -> None:
    with pytest.raises(ApiError, match="declared merge key"):
        strategic.apply({}, {"containers": [{"image": "x"}]}, POD_SPEC)


FIELDS = st.recursive(
    st.just({}), lambda inner: st.dictionaries(st.sampled_from(["f:a", "f:b", "f:c"]), inner, max_size=3)
)


@given(FIELDS, FIELDS)
def test_field_sets_are_sets(first: Any, second: Any) -> None:
    both = union(first, second)
    assert set(leaves(difference(both, second))) <= set(leaves(first))
    assert union(both, first) == both
    assert intersection(first, first) == first


def test_changed_fields_are_found_by_key() -> None:
    schema = definition_of("v1", "Pod")
    old = {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}}
    new = {"spec": {"containers": [{"name": "b", "image": "2"}, {"name": "a", "image": "1"}]}}
    assert changed(new, old, schema) == {"f:spec": {"f:containers": {'k:{"name":"b"}': {"f:image": {}}}}}
    assert fields_of({"metadata": {"labels": {"x": "y"}}}, schema) == {
        "f:metadata": {"f:labels": {"f:x": {}}}
    }
