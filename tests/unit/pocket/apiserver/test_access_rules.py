"""RBAC as pure functions, and tokens over time."""

from __future__ import annotations

from typing import Any

import pytest

from autostack.pocket.apiserver.access.rbac import Attempt, allows, covers, is_subject
from autostack.pocket.apiserver.access.tokens import ISSUER, Tokens
from autostack.pocket.apiserver.call import User
from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.client import Resource
from autostack.pocket.errors import ApiError
from autostack.pocket.store.journal import Key

CLUSTER_ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles")
CLUSTER_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings")
REVIEWS = Resource("authorization.k8s.io", "v1", "subjectaccessreviews")


@pytest.mark.parametrize(
    ("rule", "attempt", "allowed"),
    [
        ({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}, Attempt("get", "", "pods"), True),
        ({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}, Attempt("list", "", "pods"), False),
        (
            {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]},
            Attempt("get", "", "pods", "log"),
            False,
        ),
        ({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, Attempt("get", "apps", "x", "y"), True),
        (
            {"verbs": ["get"], "apiGroups": [""], "resources": ["*/scale"]},
            Attempt("get", "", "pods", "scale"),
            True,
        ),
        ({"verbs": ["get"], "apiGroups": ["apps"], "resources": ["pods"]}, Attempt("get", "", "pods"), False),
        ({"verbs": ["get"], "nonResourceURLs": ["/healthz/*"]}, Attempt("get", path="/healthz/etcd"), True),
        ({"verbs": ["get"], "nonResourceURLs": ["/healthz"]}, Attempt("get", path="/metrics"), False),
        ({"verbs": ["get"], "apiGroups": [""], "resources": ["*"]}, Attempt("get", path="/metrics"), False),
    ],
)
def test_a_rule_allows_what_it_says(rule: dict[str, Any], attempt: Attempt, allowed: bool) -> None:
    assert allows(rule, attempt) is allowed


def test_a_named_rule_allows_its_names_only() -> None:
    rule = {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"]}
    assert allows(rule, Attempt("get", "", "secrets", name="a"))
    assert not allows(rule, Attempt("get", "", "secrets", name="b"))
    assert not allows(rule, Attempt("list", "", "secrets"))


def test_rights_cover_only_smaller_rights() -> None:
    pods = {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}
    named = {**pods, "resourceNames": ["a"]}
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    assert covers([everything], pods)
    assert covers([pods], named)
    assert not covers([named], pods)
    assert not covers([pods], everything)


def test_subjects_are_users_groups_and_accounts() -> None:
    account = User("system:serviceaccount:team:bob", ("system:serviceaccounts:team",))
    assert is_subject({"kind": "ServiceAccount", "name": "bob"}, account, "team")
    assert not is_subject({"kind": "ServiceAccount", "name": "bob"}, account, "other")
    assert is_subject({"kind": "Group", "name": "system:serviceaccounts:team"}, account, "")
    assert not is_subject({"kind": "User", "name": "bob"}, account, "team")


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_token_is_good_for_its_time_its_audience_and_its_key(pocket_api: ApiServer) -> None:
    clock, store = Clock(), pocket_api.core.store
    tokens = Tokens(store, b"key", clock=clock)
    account = store.get(Key("serviceaccounts", "default", "default"))
    assert account is not None
    token, expires = tokens.issue(account.object, 600, [], None)
    assert tokens.user_of(token).name == "system:serviceaccount:default:default"
    assert expires == clock.now + 600
    head, body, signature = token.split(".")
    wrong = [
        f"{head}.{body}x.{signature}",
        f"{head}.{body}.{signature[:-2]}",
        f"{head}..",
        "",
        f"{token}.{token}",
    ]
    with pytest.raises(ApiError):
        tokens.user_of(token, ["another"])
    for forged in wrong:
        with pytest.raises(ApiError):
            tokens.user_of(forged)
    with pytest.raises(ApiError):
        Tokens(store, b"another key", clock=clock).user_of(token)
    clock.now += 601
    with pytest.raises(ApiError):
        tokens.user_of(token)
    assert ISSUER.startswith("https://")


async def test_a_cluster_role_gathers_the_rules_of_those_with_its_label(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    label = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    rule = {"verbs": ["get"], "apiGroups": ["example.com"], "resources": ["backups"]}
    await client.create(CLUSTER_ROLES, {"metadata": {"name": "more", "labels": label}, "rules": [rule]})
    reference = {"kind": "ClusterRole", "name": "view", "apiGroup": "rbac.authorization.k8s.io"}
    subjects = [{"kind": "User", "name": "eve"}]
    await client.create(
        CLUSTER_BINDINGS, {"metadata": {"name": "b"}, "roleRef": reference, "subjects": subjects}
    )
    attributes = {"verb": "get", "group": "example.com", "resource": "backups", "namespace": "default"}
    review = {"spec": {"user": "eve", "resourceAttributes": attributes}}
    answer = await client.create(REVIEWS, review)
    assert answer["status"]["allowed"] is True
