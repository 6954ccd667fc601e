"""The Kubernetes API on plain objects: any cluster with a kubeconfig, or the one this pod runs in.

lightkube reads the configuration (users, tokens, certificates, service account); the requests are ours,
because a GitOps controller works on whatever kinds the cluster has, as decoded JSON, and typed models
would only be in the way.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx2
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.exceptions import ConfigError

from autostack.gitops.errors import (
    ApiError,
    ConflictError,
    GoneError,
    NotFoundError,
    UnreachableError,
    capped,
)
from autostack.gitops.objects import FIELD_MANAGER, Object

WATCH_SECONDS = 300
_BY_CODE: dict[int, type[ApiError]] = {404: NotFoundError, 409: ConflictError, 410: GoneError}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind's address in the API."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()

    def path(self, name: str = "", namespace: str = "") -> str:
        """The URL path of one object, or of the list (in one namespace or in all)."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


APPLICATIONS = Kind("argoproj.io", "v1alpha1", "Application", "applications", namespaced=True)
EVENTS = Kind("", "v1", "Event", "events", namespaced=True)
SECRETS = Kind("", "v1", "Secret", "secrets", namespaced=True)
CONFIG_MAPS = Kind("", "v1", "ConfigMap", "configmaps", namespaced=True)
LEASES = Kind("coordination.k8s.io", "v1", "Lease", "leases", namespaced=True)


class KubernetesApi:
    """The verbs. Every refusal is an ApiError with the server's reason; no answer is an UnreachableError."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    @classmethod
    def from_environment(cls, *, kubeconfig: str | None = None, context: str | None = None) -> KubernetesApi:
        """By an explicit kubeconfig, else $KUBECONFIG, else the pod's service account, else
        ~/.kube/config.
        """
        try:
            found = KubeConfig.from_file(kubeconfig) if kubeconfig else KubeConfig.from_env()
            config = found.get(context)
            if config is None:
                raise UnreachableError(
                    f"the kubeconfig has no context {context!r}; see kubectl config get-contexts"
                )
            is_local = urlsplit(config.cluster.server).hostname in {"localhost", "127.0.0.1", "::1"}
            # A proxy from the environment never carries loopback traffic, as in kubectl.
            params = ConnectionParams(timeout=httpx2.Timeout(10), trust_env=not is_local).httpx_params(config)
        except ConfigError as error:
            raise UnreachableError(
                f"no usable kubeconfig ({error}); start a cluster with `autostack up`, or set KUBECONFIG"
            ) from error
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
        return cls(httpx2.AsyncClient(**params, limits=limits))

    async def __aenter__(self) -> KubernetesApi:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Object:
        """One request; the decoded answer."""
        headers = {"Accept": accept}
        content = None
        if body is not None:
            headers["Content-Type"] = content_type
            content = json.dumps(body)
        try:
            answer = await self._http.request(method, path, params=params, content=content, headers=headers)
        except (httpx2.HTTPError, OSError) as error:
            raise UnreachableError(
                f"{self._http.base_url}: {type(error).__name__} {capped(str(error))}"
            ) from error
        if answer.is_success:
            decoded: Object = answer.json()
            return decoded
        raise _refusal(answer.status_code, answer.content)

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object:
        """One object."""
        return await self.request("GET", kind.path(name, namespace))

    async def list(self, kind: Kind, namespace: str = "", *, label_selector: str = "") -> Object:
        """The whole list object, read in pages of 500."""
        params = {"limit": "500"} | ({"labelSelector": label_selector} if label_selector else {})
        page = await self.request("GET", kind.path("", namespace), params=params)
        items = page.get("items") or []
        while token := (page.get("metadata") or {}).get("continue"):
            page = await self.request("GET", kind.path("", namespace), params={**params, "continue": token})
            items += page.get("items") or []
        return {**page, "items": items}

    async def watch(self, kind: Kind, resource_version: str, namespace: str = "") -> AsyncIterator[Object]:
        """The events after `resource_version`, until the server ends the watch; GoneError when it is
        compacted.
        """
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        timeout = httpx2.Timeout(10, read=WATCH_SECONDS + 30)
        try:
            async with self._http.stream(
                "GET",
                kind.path("", namespace),
                params=params,
                timeout=timeout,
                headers={"Accept": "application/json"},
            ) as answer:
                if not answer.is_success:
                    raise _refusal(answer.status_code, await answer.aread())
                async for line in answer.aiter_lines():
                    if not line.strip():
                        continue
                    event: Object = json.loads(line)
                    if event.get("type") == "ERROR":
                        raise _status_error(event.get("object") or {})
                    yield event
        except (httpx2.HTTPError, OSError) as error:
            raise UnreachableError(f"{self._http.base_url}: watch broke: {type(error).__name__}") from error

    async def create(self, kind: Kind, obj: Object, namespace: str = "") -> Object:
        """Create; ConflictError when the name is taken."""
        return await self.request(
            "POST", kind.path("", namespace), body=obj, params={"fieldManager": FIELD_MANAGER}
        )

    async def replace(self, kind: Kind, obj: Object, name: str, namespace: str = "") -> Object:
        """Replace the whole object; ConflictError when its resourceVersion is stale."""
        return await self.request(
            "PUT", kind.path(name, namespace), body=obj, params={"fieldManager": FIELD_MANAGER}
        )

    async def apply(
        self, kind: Kind, obj: Object, *, dry_run: bool = False, field_manager: str = FIELD_MANAGER
    ) -> Object:
        """Server-side apply, taking fields over from whoever changed them; unknown fields are an error."""
        meta = obj["metadata"]
        params = {"fieldManager": field_manager, "force": "true", "fieldValidation": "Strict"}
        if dry_run:
            params["dryRun"] = "All"
        path = kind.path(meta["name"], meta.get("namespace", ""))
        return await self.request(
            "PATCH", path, body=obj, params=params, content_type="application/apply-patch+yaml"
        )

    async def merge(self, kind: Kind, name: str, namespace: str, patch: Object) -> Object:
        """JSON merge patch; a resourceVersion in it makes the write conditional."""
        return await self.request(
            "PATCH",
            kind.path(name, namespace),
            body=patch,
            content_type="application/merge-patch+json",
            params={"fieldManager": FIELD_MANAGER},
        )

    async def delete(
        self, kind: Kind, name: str, namespace: str = "", *, uid: str = "", propagation: str = "background"
    ) -> None:
        """Delete; one that is gone already is fine, another object of the same name is not touched."""
        body: Object = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": propagation.capitalize(),
        }
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            await self.request("DELETE", kind.path(name, namespace), body=body)
        except NotFoundError:
            return


def _refusal(code: int, content: bytes) -> ApiError:
    try:
        status = json.loads(content)
    except ValueError:
        status = {}
    if not isinstance(status, dict) or status.get("kind") != "Status":
        status = {"message": capped(content.decode(errors="replace")) or "no explanation", "reason": ""}
    return _status_error({**status, "code": code})


def _status_error(status: Object) -> ApiError:
    code = int(status.get("code") or 500)
    kind = _BY_CODE.get(code, ApiError)
    return kind(code, str(status.get("reason") or ""), str(status.get("message") or f"HTTP {code}"))
