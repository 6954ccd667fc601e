"""Apply objects of any kind, server-side; kinds are looked up in the cluster's own discovery."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx2
from lightkube import AsyncClient
from lightkube.codecs import from_dict
from lightkube.core.exceptions import ApiError, LoadResourceError
from lightkube.generic_resource import create_global_resource, create_namespaced_resource
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition

from autostack.errors import AutostackError
from autostack.stack.documents import Document, in_stages

FIELD_MANAGER = "autostack"
_DEFINITION = "CustomResourceDefinition"
_ESTABLISHED_WITHIN_S = 30


async def apply_all(client: AsyncClient, documents: Sequence[Document]) -> None:
    """Apply stage after stage, a stage's objects side by side; custom resources after their definitions are
    established. Raises AutostackError.
    """
    for document in documents:
        if document["kind"] == _DEFINITION:
            _register(document)
    for stage in in_stages(documents):
        objects: dict[tuple[str, str, str], list[Document]] = {}
        for document in stage:  # several files may have one Namespace: its applies go one after the other
            objects.setdefault(_identity(document), []).append(document)
        done = await asyncio.gather(
            *(_apply_each(client, one) for one in objects.values()), return_exceptions=True
        )
        for failure in done:
            if isinstance(failure, BaseException):
                raise failure


def _identity(document: Document) -> tuple[str, str, str]:
    metadata = document["metadata"]
    return document["kind"], metadata.get("namespace", ""), metadata["name"]


async def _apply_each(client: AsyncClient, documents: Sequence[Document]) -> None:
    for document in documents:
        await _apply(client, document)


def _register(definition: Document) -> None:
    """Teach the client a kind that it meets for the first time."""
    spec = definition["spec"]
    create = create_namespaced_resource if spec["scope"] == "Namespaced" else create_global_resource
    for version in spec["versions"]:
        create(spec["group"], version["name"], spec["names"]["kind"], spec["names"]["plural"])


async def _apply(client: AsyncClient, document: Document) -> None:
    name = f"{document['kind']} {document['metadata']['name']}"
    try:
        obj: Any = from_dict(document)
        await client.apply(obj, field_manager=FIELD_MANAGER, force=True)
        if document["kind"] == _DEFINITION:
            await _established(client, document["metadata"]["name"])
    except LoadResourceError as error:
        raise AutostackError(f"{name}: its kind is unknown ({error})") from error
    except ApiError as error:
        raise AutostackError(f"{name} was refused: {str(error.status.message)[:300]}") from error
    except httpx2.HTTPError as error:
        raise AutostackError(
            f"{name}: the Kubernetes API does not answer ({type(error).__name__})"
        ) from error


async def _established(client: AsyncClient, name: str) -> None:
    async with asyncio.timeout(_ESTABLISHED_WITHIN_S):
        async for _, definition in client.watch(CustomResourceDefinition, fields={"metadata.name": name}):
            conditions = (definition.status.conditions if definition.status else None) or []
            if any(one.type == "Established" and one.status == "True" for one in conditions):
                return
