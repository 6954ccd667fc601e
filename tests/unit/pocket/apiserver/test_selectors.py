"""Label and field selectors."""

from __future__ import annotations

import pytest

from autostack.pocket.apiserver.selectors import from_label_selector, parse_labels, predicate
from autostack.pocket.errors import ApiError

POD = {
    "metadata": {"name": "p", "labels": {"app": "web", "tier": "front", "n": "5"}},
    "spec": {"nodeName": "n1"},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("app=web", True),
        ("app==web,tier!=back", True),
        ("app in (web, api)", True),
        ("app notin (api)", True),
        ("absent notin (x)", True),
        ("absent!=x", True),
        ("app", True),
        ("!absent", True),
        ("n>4,n<6", True),
        ("app=api", False),
        ("!app", False),
        ("absent", False),
        ("app in (api)", False),
        ("n>5", False),
        ("app=", False),
    ],
)
def test_label_selectors_select(selector: str, selected: bool) -> None:
    chosen = predicate(selector, "", "pods")
    assert chosen is not None
    assert chosen(POD) is selected


@pytest.mark.parametrize("selector", ["app=,=", "a b", "=x", "app in web", "n>many", "(a)"])
def test_an_unreadable_selector_is_refused(selector: str) -> None:
    with pytest.raises(ApiError):
        parse_labels(selector)


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("status.phase=Running", True),
        ("status.phase!=Failed,spec.nodeName=n1", True),
        ("metadata.name=p", True),
        ("spec.nodeName=", False),
        ("spec.hostNetwork=false", True),
    ],
)
def test_field_selectors_select(selector: str, selected: bool) -> None:
    chosen = predicate("", selector, "pods")
    assert chosen is not None
    assert chosen(POD) is selected


def test_a_field_that_a_kind_does_not_offer_is_refused() -> None:
    with pytest.raises(ApiError, match="field label not supported"):
        predicate("", "spec.replicas=1", "deployments.apps")


def test_an_empty_label_selector_matches_everything() -> None:
    assert from_label_selector({}) == []
