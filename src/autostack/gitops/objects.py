"""Kubernetes objects as plain decoded JSON, and the few questions that everything here asks of them."""

from __future__ import annotations

from typing import Any, NamedTuple

Object = dict[str, Any]

TRACKING_ID = "argocd.argoproj.io/tracking-id"
SYNC_WAVE = "argocd.argoproj.io/sync-wave"
SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
COMPARE_OPTIONS = "argocd.argoproj.io/compare-options"
HOOK = "argocd.argoproj.io/hook"
HOOK_DELETE_POLICY = "argocd.argoproj.io/hook-delete-policy"
REFRESH = "argocd.argoproj.io/refresh"
APPLIED_HASH = "autostack.dev/applied-hash"
RESOURCES_FINALIZER = "resources-finalizer.argocd.argoproj.io"
FIELD_MANAGER = "argocd-controller"


class ObjectKey(NamedTuple):
    """What names an object in a cluster whatever its API version; `namespace` is "" for cluster-scoped
    kinds.
    """

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """As Argo CD writes it in messages: group/Kind/name."""
        return f"{self.group}/{self.kind}/{self.name}"


def group_of(obj: Object) -> str:
    """The API group; the core group is ""."""
    api_version: str = obj.get("apiVersion", "")
    return api_version.rpartition("/")[0]


def version_of(obj: Object) -> str:
    """The version within the group."""
    api_version: str = obj.get("apiVersion", "")
    return api_version.rpartition("/")[2]


def metadata(obj: Object) -> Object:
    """The metadata, empty when there is none."""
    found: Object = obj.get("metadata") or {}
    return found


def key_of(obj: Object) -> ObjectKey:
    """The object's key, as its own fields say."""
    meta = metadata(obj)
    return ObjectKey(group_of(obj), obj.get("kind", ""), meta.get("namespace") or "", meta.get("name", ""))


def annotations_of(obj: Object) -> dict[str, str]:
    """The annotations, empty when there are none."""
    found: dict[str, str] = metadata(obj).get("annotations") or {}
    return found


def option_set(obj: Object, annotation: str = SYNC_OPTIONS) -> frozenset[str]:
    """The comma-separated options of an annotation, e.g. {"Prune=false", "Replace=true"}."""
    return frozenset(
        part.strip() for part in annotations_of(obj).get(annotation, "").split(",") if part.strip()
    )


def conditions(obj: Object) -> dict[str, Object]:
    """status.conditions by type."""
    listed: list[Object] = (obj.get("status") or {}).get("conditions") or []
    return {str(condition.get("type")): condition for condition in listed}


def is_being_deleted(obj: Object) -> bool:
    """Whether deletion has begun."""
    return bool(metadata(obj).get("deletionTimestamp"))
