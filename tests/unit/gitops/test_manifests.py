"""Manifests as text: what is read, and what is refused with its place."""

from __future__ import annotations

import pytest

from autostack.gitops.errors import ManifestError
from autostack.gitops.manifests import objects_in

BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
)


def test_aliases_are_written_out() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: &l {x: y}}\nextra: *l\n"
    assert objects_in(text, "f.yaml")[0]["extra"] == {"x": "y"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BOMB, r"f.yaml:1: aliases make this a document of \d+ nodes"),
        ("a: &a\n  b: *a\n", "f.yaml:1: an alias contains itself"),
        ("a: " + "[" * 5000, "exceeded maximum nesting depth"),
        ("kind: A\nkind: B\n", "f.yaml:2: key 'kind' stands twice"),
    ],
    ids=["bomb", "circle", "depth", "twice"],
)
def test_what_can_not_be_meant_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(ManifestError, match=problem):
        objects_in(text, "f.yaml")
