"""The API client that controllers and kubelet use: the verbs of the Kubernetes API on plain objects.

Objects are decoded JSON and must be treated as read-only by who receives them (they may be shared with
the server's cache); copy before changing. Every failure is an `ApiError` that carries the server's Status.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Object = dict[str, Any]
PatchType = Literal["json", "merge", "strategic", "apply"]
Propagation = Literal["Foreground", "Background", "Orphan"]


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind's address in the API, e.g. `Resource("apps", "v1", "deployments")`; the core group is ""."""

    group: str
    version: str
    plural: str


@dataclass(frozen=True, slots=True)
class ObjectList:
    """One list: its items and the resourceVersion from which a watch continues it."""

    items: list[Object]
    resource_version: str


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event of a watch; `type` is ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    object: Object


class ApiClient(Protocol):
    """The verbs. `namespace` is None for cluster-scoped kinds and, in list and watch, for all of them."""

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object: ...

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> ObjectList: ...

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
    ) -> AsyncIterator[WatchEvent]:
        """Events after `resource_version`; ApiError 410 when that is compacted or the reader too slow."""
        ...

    async def create(
        self,
        resource: Resource,
        obj: Object,
        namespace: str | None = None,
        *,
        subresource: str = "",
        name: str = "",
    ) -> Object:
        """Create; with `subresource` and `name` it is e.g. pods/NAME/eviction."""
        ...

    async def update(self, resource: Resource, obj: Object, *, subresource: str = "") -> Object:
        """Replace the object, or one subresource of it; 409 when its resourceVersion is stale."""
        ...

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: Mapping[str, Any] | Sequence[Any],
        namespace: str | None = None,
        *,
        patch_type: PatchType = "merge",
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
    ) -> Object: ...

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        propagation: Propagation = "Background",
        grace_period_s: int | None = None,
        uid: str | None = None,
    ) -> Object: ...
