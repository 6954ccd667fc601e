"""Tell the GitOps controller to look now, in Argo CD's way: the refresh annotation on the Applications.

Best effort: the controller polls as well, so a failure costs minutes and is said in the push's output. A push
waits for this, so it is done with the standard library: a Kubernetes client takes half a second to import.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from ssl import create_default_context
from typing import Any, Self
from urllib.parse import urlsplit

REFRESH = "argocd.argoproj.io/refresh"
APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
_TIMEOUT_S = 3


def request_refresh(kubeconfig: Path) -> str:
    """Annotate every Application; returns one line that says what came of it."""
    if not kubeconfig.is_file():
        return "no cluster yet, so nothing was told to look at this push"
    change = {"metadata": {"annotations": {REFRESH: "normal"}}}
    try:
        access = Access.read(kubeconfig)
        connection = access.connection()
        try:
            listed = _call(connection, access, "GET", APPLICATIONS)
            names = [one["metadata"]["name"] for one in listed.get("items", ())]
            for name in names:
                _call(connection, access, "PATCH", f"{APPLICATIONS}/{name}", change)
        finally:
            connection.close()
    except (HTTPException, OSError, ValueError, KeyError, TypeError) as error:
        return f"the cluster could not be told ({error}); it will look by itself within minutes"
    return f"asked to look: {', '.join(names)}" if names else "the cluster has no Application yet"


@dataclass(frozen=True, slots=True)
class Access:
    """What a kubeconfig's current context says, as far as a pocket cluster's own one says it: a bearer token
    over TLS.
    """

    host: str
    port: int
    authority: str
    token: str

    @classmethod
    def read(cls, kubeconfig: Path) -> Self:
        """Raises ValueError, KeyError or TypeError when it is not of that form."""
        document = _parsed(kubeconfig.read_bytes())
        context = _named(document["contexts"], document["current-context"])["context"]
        cluster = _named(document["clusters"], context["cluster"])["cluster"]
        url = urlsplit(cluster["server"])
        if url.scheme != "https" or url.hostname is None:
            raise ValueError(f"{kubeconfig}: server {cluster['server']!r} is not an https address")
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        token = _named(document["users"], context["user"])["user"]["token"]
        return cls(url.hostname, url.port or 443, authority, token)

    def connection(self) -> HTTPSConnection:
        """A connection to the API server, not open yet."""
        trust = create_default_context(cadata=self.authority)
        return HTTPSConnection(self.host, self.port, timeout=_TIMEOUT_S, context=trust)


def _parsed(content: bytes) -> Any:
    """A pocket cluster writes its kubeconfig as JSON, which is YAML; other YAML is read when it must be."""
    try:
        return json.loads(content)
    except ValueError:
        import yaml  # noqa: PLC0415 - 40 ms, and not needed for our own

    try:
        return yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise ValueError(f"the kubeconfig is not YAML: {error}") from error


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next((one for one in entries if one["name"] == name), {})


def _call(connection: HTTPSConnection, access: Access, verb: str, path: str, body: object = None) -> Any:
    headers = {"Authorization": f"Bearer {access.token}", "Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/merge-patch+json"  # a custom resource knows no strategic one
    connection.request(verb, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status >= 400:
        raise HTTPException(f"{verb} {path}: {answer.status} {answer.reason}")
    return json.loads(content)
