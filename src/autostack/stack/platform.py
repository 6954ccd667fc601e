"""What a cluster needs before the Application can be synced: kinds, controllers, monitoring, passwords.

On K3s Argo CD and kube-prometheus-stack bring these; docs/k3s.md says how. Here the toolkit's own controllers
run as ordinary pods, from manifests that stand beside their code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from lightkube import AsyncClient
from lightkube.core.exceptions import ApiError

from autostack.errors import AutostackError
from autostack.stack.applications import NAME, pointed_at
from autostack.stack.applying import apply_all
from autostack.stack.credentials import ensure_passwords
from autostack.stack.documents import Document, read_documents
from autostack.stack.errors import StepError

_PLATFORM = (
    "argocd/pocket",
    "src/autostack/observability/manifests",
    "argocd/monitoring",
    "src/autostack/console/manifests",
)
_APPLICATIONS = ("argocd/auto-stack.yaml",)


@dataclass(frozen=True, slots=True)
class Setting:
    """Where the manifests are, and the folder of the local cluster whose origin the controllers mount."""

    checkout: Path
    cluster_folder: Path

    @property
    def origin_url(self) -> str:
        """The local origin as the GitOps controller names it."""
        return f"file://{self.cluster_folder / 'origin.git'}"

    def values(self) -> dict[str, str]:
        """What is filled into the manifests."""
        return {"CLUSTER_FOLDER": str(self.cluster_folder), "ORIGIN_URL": self.origin_url}


async def install(client: AsyncClient, setting: Setting) -> None:
    """Apply the platform and draw the passwords; idempotent."""
    files = [file for folder in _PLATFORM for file in sorted((setting.checkout / folder).glob("*.yaml"))]
    with _step("platform", setting):
        await ensure_passwords(client)
        await apply_all(client, read_documents(files, setting.values()))


async def apply_application(client: AsyncClient, setting: Setting) -> None:
    """Apply the project and the Application, pointed at the local origin."""
    with _step("application", setting):
        documents = read_documents([setting.checkout / file for file in _APPLICATIONS], setting.values())
        await apply_all(client, [_pointed(document, setting.origin_url) for document in documents])


@contextmanager
def _step(name: str, setting: Setting) -> Iterator[None]:
    """What stands in the way of a step, with the log of who was asked, and what to do."""
    try:
        yield
    except (AutostackError, ApiError, httpx2.HTTPError) as error:
        log = str(setting.cluster_folder / "pocket" / "control-plane.log")
        raise StepError(name, str(error)[:400], log=log, remedy="`autostack up` goes on from here") from error


def _pointed(document: Document, origin_url: str) -> Document:
    if document["kind"] == "Application" and document["metadata"]["name"] == NAME:
        return pointed_at(document, origin_url)
    return document
