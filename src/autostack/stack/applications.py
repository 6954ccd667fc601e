"""The stack's Application: pointed at an origin, and read back as `kubectl get applications` shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lightkube import AsyncClient
from lightkube.core.exceptions import ApiError
from lightkube.generic_resource import create_namespaced_resource

from autostack.stack.documents import Document

NAMESPACE = "argocd"
NAME = "auto-stack"
BRANCH = "main"
Application = create_namespaced_resource("argoproj.io", "v1alpha1", "Application", "applications")
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class ApplicationState:
    """What the GitOps controller says of the stack; empty words when it has not looked yet."""

    sync: str
    health: str
    revision: str
    message: str
    operation: str = ""

    @property
    def good(self) -> bool:
        """Whether the cluster is what Git says, and works."""
        return self.sync == "Synced" and self.health == "Healthy"


def pointed_at(document: Document, repository_url: str) -> Document:
    """The Application with another repository; everything else stays as it stands in the file."""
    spec = document["spec"]
    source = {**spec["source"], "repoURL": repository_url, "targetRevision": BRANCH}
    return {**document, "spec": {**spec, "source": source}}


def read_state(application: dict[str, Any]) -> ApplicationState:
    """The state in an Application's status."""
    status = application.get("status") or {}
    conditions = [str(one.get("message", "")) for one in status.get("conditions") or []]
    operation = status.get("operationState") or {}
    return ApplicationState(
        sync=(status.get("sync") or {}).get("status", ""),
        health=(status.get("health") or {}).get("status", ""),
        revision=(status.get("sync") or {}).get("revision", ""),
        message="; ".join(conditions)
        or (str(operation.get("message", "")) if operation.get("phase") != "Succeeded" else ""),
        operation=str(operation.get("phase", "")),
    )


async def get_state(client: AsyncClient) -> ApplicationState | None:
    """The stack's state now; None when there is no such Application, or no such kind."""
    try:
        found = await client.get(Application, NAME, namespace=NAMESPACE)
    except ApiError as error:
        if error.status.code == _NOT_FOUND:
            return None
        raise
    return read_state(dict(found))
