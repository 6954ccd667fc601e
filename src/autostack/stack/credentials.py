"""The database's passwords: drawn once, kept in the cluster and nowhere else."""

from __future__ import annotations

import secrets

from lightkube import AsyncClient
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Secret

NAMESPACE = "auto-stack"
SECRET = "database"  # noqa: S105 - the name of a Secret, not one
KEYS = ("owner-password", "writer-password", "reader-password")
_BYTES = 24
_CONFLICT = 409


def draw_passwords() -> dict[str, str]:
    """A fresh password for each role; letters and digits, so that no tool needs to quote them."""
    return {key: secrets.token_hex(_BYTES) for key in KEYS}


async def ensure_passwords(client: AsyncClient) -> bool:
    """Make the Secret unless it is there; True when made. It never changes one: the data knows its own."""
    labels = {"app.kubernetes.io/part-of": "auto-stack"}
    await _create(client, Namespace(metadata=ObjectMeta(name=NAMESPACE, labels=labels)))
    secret = Secret(
        metadata=ObjectMeta(name=SECRET, namespace=NAMESPACE, labels=labels),
        type="Opaque",
        stringData=draw_passwords(),
    )
    return await _create(client, secret)


async def _create(client: AsyncClient, obj: Namespace | Secret) -> bool:
    try:
        await client.create(obj)
    except ApiError as error:
        if error.status.code == _CONFLICT:
            return False
        raise
    return True
