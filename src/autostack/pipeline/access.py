"""The cluster that a pipeline belongs to, by its kubeconfig and the standard library.

A push waits for what is asked here, and a Kubernetes client takes half a second to import. It knows a bearer
token over TLS, as a pocket cluster's own kubeconfig has it, and refuses everything else.
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

_TIMEOUT_S = 3

REFUSALS = (HTTPException, OSError, ValueError, KeyError, TypeError)
"""What reading a kubeconfig and calling a cluster raise."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a kubeconfig's current context says."""

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


def call(connection: HTTPSConnection, access: Access, verb: str, path: str, body: object = None) -> Any:
    """One request; raises one of REFUSALS, also for a status of 400 and above."""
    headers = {"Authorization": f"Bearer {access.token}", "Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/merge-patch+json"  # a custom resource knows no strategic one
    connection.request(verb, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status >= 400:
        raise HTTPException(f"{verb} {path}: {answer.status} {answer.reason}")
    return json.loads(content)
