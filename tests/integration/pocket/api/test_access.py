"""Who gets in, and how far: tokens, RBAC, escalation, service accounts."""

from __future__ import annotations

import io
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from harness.pocket_api import HttpsCluster

from autostack.pocket.client import Resource

ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles")
BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings")
ACCOUNTS = Resource("", "v1", "serviceaccounts")
PODS = Resource("", "v1", "pods")


class Web:
    """Raw HTTPS with a token of one's choice."""

    def __init__(self, cluster: HttpsCluster, session: aiohttp.ClientSession) -> None:
        self._cluster, self._session = cluster, session

    async def call(
        self, method: str, path: str, token: str = "", body: Any = None, **headers: str
    ) -> tuple[int, Any]:
        headers.setdefault("Content-Type", "application/json")
        if token:
            headers["Authorization"] = f"Bearer {token}"
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        data = io.BytesIO(raw) if raw else None
        async with self._session.request(
            method, self._cluster.url + path, data=data, headers=headers
        ) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text.startswith("{") else text


@pytest.fixture
async def web(pocket_https: HttpsCluster) -> AsyncIterator[Web]:
    """Raw HTTPS that trusts the cluster's authority."""
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=pocket_https.ca))
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Web(pocket_https, session)


async def account_token(cluster: HttpsCluster, name: str, rules: list[dict[str, Any]]) -> str:
    """A service account with rules in `default`, and a token of it."""
    client = cluster.server.client()
    await client.create(ACCOUNTS, {"metadata": {"name": name}}, "default")
    await client.create(ROLES, {"metadata": {"name": name}, "rules": rules}, "default")
    subject = {"kind": "ServiceAccount", "name": name, "namespace": "default"}
    reference = {"kind": "Role", "name": name, "apiGroup": "rbac.authorization.k8s.io"}
    await client.create(
        BINDINGS, {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}, "default"
    )
    request = {"spec": {"expirationSeconds": 600}}
    answer = await client.create(ACCOUNTS, request, "default", subresource="token", name=name)
    return str(answer["status"]["token"])


READ_PODS = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]


async def test_nobody_gets_in_without_a_good_token(web: Web, pocket_https: HttpsCluster) -> None:
    for token in ("", "wrong", pocket_https.token + "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."):
        code, status = await web.call("GET", "/api/v1/pods", token)
        assert (code, status["reason"]) == (401, "Unauthorized")
    assert (await web.call("GET", "/healthz"))[0] == 200
    assert (await web.call("GET", "/version"))[0] == 200
    assert (await web.call("GET", "/metrics"))[0] == 401


async def test_a_service_account_may_do_what_its_role_says_and_no_more(
    web: Web, pocket_https: HttpsCluster
) -> None:
    token = await account_token(pocket_https, "reader", READ_PODS)
    assert (await web.call("GET", "/api/v1/namespaces/default/pods", token))[0] == 200
    assert (await web.call("GET", "/apis", token))[0] == 200
    for method, path in (
        ("GET", "/api/v1/pods"),
        ("GET", "/api/v1/namespaces/kube-system/pods"),
        ("GET", "/api/v1/namespaces/default/secrets"),
        ("GET", "/api/v1/namespaces/default/pods/p/log"),
        ("DELETE", "/api/v1/namespaces/default/pods/p"),
        ("GET", "/metrics"),
    ):
        code, status = await web.call(method, path, token)
        assert (code, status["reason"]) == (403, "Forbidden"), path
    code, status = await web.call("GET", "/api/v1/namespaces/default/secrets", token)
    assert 'User "system:serviceaccount:default:reader" cannot list resource "secrets"' in status["message"]


async def test_a_token_ends_with_its_pod(web: Web, pocket_https: HttpsCluster) -> None:
    client = pocket_https.server.client()
    await account_token(pocket_https, "reader", READ_PODS)
    spec = {"serviceAccountName": "reader", "containers": [{"name": "c", "image": "i"}]}
    pod = await client.create(PODS, {"metadata": {"name": "p"}, "spec": spec}, "default")
    bound = {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": pod["metadata"]["uid"]}
    answer = await client.create(
        ACCOUNTS, {"spec": {"boundObjectRef": bound}}, "default", subresource="token", name="reader"
    )
    token = answer["status"]["token"]
    assert (await web.call("GET", "/api/v1/namespaces/default/pods", token))[0] == 200
    await client.delete(PODS, "p", "default", grace_period_s=0)
    assert (await web.call("GET", "/api/v1/namespaces/default/pods", token))[0] == 401


async def test_a_token_ends_with_its_account(web: Web, pocket_https: HttpsCluster) -> None:
    token = await account_token(pocket_https, "reader", READ_PODS)
    await pocket_https.server.client().delete(ACCOUNTS, "reader", "default")
    assert (await web.call("GET", "/api/v1/namespaces/default/pods", token))[0] == 401


async def test_nobody_grants_what_he_does_not_have(web: Web, pocket_https: HttpsCluster) -> None:
    rules = [
        *READ_PODS,
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": ["*"]},
    ]
    rules[1]["verbs"] = ["get", "create", "update"]
    token = await account_token(pocket_https, "deputy", rules)
    path = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
    fine = {"metadata": {"name": "fine"}, "rules": READ_PODS}
    assert (await web.call("POST", f"{path}/roles", token, fine))[0] == 201
    secrets = {
        "metadata": {"name": "more"},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
    }
    code, status = await web.call("POST", f"{path}/roles", token, secrets)
    assert code == 403
    assert "attempting to grant RBAC permissions not currently held" in status["message"]
    subjects = [{"kind": "ServiceAccount", "name": "deputy", "namespace": "default"}]
    reference = {"kind": "ClusterRole", "name": "cluster-admin", "apiGroup": "rbac.authorization.k8s.io"}
    binding = {"metadata": {"name": "b"}, "roleRef": reference, "subjects": subjects}
    assert (await web.call("POST", f"{path}/rolebindings", token, binding))[0] == 403
    later = {**binding, "roleRef": {**reference, "name": "not-there-yet"}}
    code, status = await web.call("POST", f"{path}/rolebindings", token, later)
    assert (code, status["details"]["name"]) == (404, "not-there-yet")


async def test_the_default_roles_are_there_and_work(pocket_https: HttpsCluster) -> None:
    await pocket_https.ok("create", "sa", "v")
    await pocket_https.ok("create", "rolebinding", "v", "--clusterrole=view", "--serviceaccount=default:v")
    token = (await pocket_https.ok("create", "token", "v")).strip()
    result = await pocket_https.kubectl("auth", "can-i", "list", "pods", "--token", token)
    assert "yes" in result.out
    result = await pocket_https.kubectl("auth", "can-i", "list", "secrets", "--token", token)
    assert "no" in result.out
    assert "pods" in (await pocket_https.kubectl("auth", "can-i", "--list", "--token", token)).out
    assert (
        "system:serviceaccount:default:v"
        in (await pocket_https.kubectl("auth", "whoami", "--token", token)).out
    )


async def test_an_administrator_may_act_as_somebody_else(pocket_https: HttpsCluster) -> None:
    refused = await pocket_https.kubectl("get", "pods", "--as=somebody")
    assert 'User "somebody" cannot list resource "pods"' in refused.err
    await pocket_https.ok("get", "pods", "--as=somebody", "--as-group=system:masters")
    token = await account_token(pocket_https, "reader", READ_PODS)
    result = await pocket_https.kubectl("get", "pods", "--as=somebody", "--token", token)
    assert "cannot impersonate" in result.err


async def test_bad_input_ends_as_a_status(web: Web, pocket_https: HttpsCluster) -> None:
    token = pocket_https.token
    maps = "/api/v1/namespaces/default/configmaps"
    cases: list[tuple[str, str, Any, int, str]] = [
        ("POST", maps, b"{", 400, "BadRequest"),
        ("POST", maps, b"[]", 400, "BadRequest"),
        ("POST", maps, {"metadata": {"name": "A_b"}}, 422, "Invalid"),
        ("POST", maps, {"metadata": {"name": "a", "annotations": {"x": "y" * 300_000}}}, 422, "Invalid"),
        ("POST", maps, {"metadata": {"name": "a"}, "data": {"x": 1}}, 400, "BadRequest"),
        (
            "POST",
            maps,
            {"metadata": {"name": "a", "annotations": {"x": "y" * 5_000_000}}},
            413,
            "RequestEntityTooLarge",
        ),
        ("POST", "/api/v1/namespaces/nowhere/configmaps", {"metadata": {"name": "a"}}, 404, "NotFound"),
        ("GET", f"{maps}?labelSelector=a%3D%3D%3D%3Db,,", None, 400, "BadRequest"),
        ("GET", f"{maps}?fieldSelector=data.x%3Dy", None, 400, "BadRequest"),
        ("GET", f"{maps}?resourceVersion=99999999", None, 504, "Timeout"),
        ("GET", f"{maps}?resourceVersion=%C2%B2", None, 400, "BadRequest"),
        ("GET", f"{maps}?resourceVersion={'9' * 5_000}", None, 400, "BadRequest"),
        ("GET", f"{maps}?labelSelector=a%3E--5", None, 400, "BadRequest"),
        ("GET", f"{maps}?limit=many", None, 400, "BadRequest"),
        ("GET", f"{maps}?watch=1&resourceVersion=99999999", None, 504, "Timeout"),
        ("GET", "/api/v1/nonsense", None, 404, "NotFound"),
        ("GET", "/nonsense", None, 404, "NotFound"),
        ("PUT", maps, {}, 405, "MethodNotAllowed"),
        ("DELETE", "/api/v1/namespaces/default/pods/p?propagationPolicy=Sideways", None, 422, "Invalid"),
    ]
    for method, path, body, code, reason in cases:
        got, status = await web.call(method, path, token, body)
        assert (got, status["reason"]) == (code, reason), (method, path, status)
    assert (await web.call("POST", maps, token, b"x", **{"Content-Type": "text/plain"}))[0] == 415
    assert (await web.call("GET", maps, token, Accept="application/cbor"))[0] == 406


async def test_a_deletion_is_tried_when_its_body_or_its_query_says_so(
    web: Web, pocket_https: HttpsCluster
) -> None:
    token, path = pocket_https.token, "/api/v1/namespaces/default/configmaps"
    await web.call("POST", path, token, {"metadata": {"name": "a"}})
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]}
    for place in (f"{path}/a", path):
        assert (await web.call("DELETE", place, token, options))[0] == 200
        assert (await web.call("DELETE", f"{place}?dryRun=All", token))[0] == 200
    assert (await web.call("GET", f"{path}/a", token))[0] == 200
    assert (await web.call("DELETE", f"{path}/a", token, {**options, "dryRun": ["Some"]}))[0] == 400
