"""The same comparison that the controller makes, made once from outside: for `app diff` and `app tree`."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from autostack.gitops import tracking
from autostack.gitops.api import CONFIG_MAPS, SECRETS, KubernetesApi
from autostack.gitops.application import parse, parse_source
from autostack.gitops.comparison import Resource, compare_all, desired_objects
from autostack.gitops.credentials import CERTIFICATES, SECRET_TYPE, access
from autostack.gitops.desired import DesiredState, namespaced_by
from autostack.gitops.diff import predicted
from autostack.gitops.discovery import Kinds, discover
from autostack.gitops.errors import ApiError, NotFoundError
from autostack.gitops.objects import APPLIED_HASH, Object, ObjectKey, key_of, metadata
from autostack.gitops.render import render
from autostack.gitops.source import Mirrors


async def differing(
    api: KubernetesApi, app: Object, *, revision: str = "", local: Path | None = None
) -> list[Resource]:
    """The resources that differ between the cluster and Git (at a revision), or a local folder."""
    application, kinds = parse(app), await discover(api)
    if local is not None:
        manifests = tuple(await render(local, application.source.directory, str(local)))
    else:
        known = await _credentials(api, metadata(app).get("namespace", ""))
        with tempfile.TemporaryDirectory(prefix="autostack-diff-") as folder:
            state = DesiredState(Mirrors(Path(folder), lambda url: access(url, known)))
            await state.look(application)
            commit = await state.resolve(parse_source(application.source.raw), revision)
            manifests = (await state.at(application.source, commit)).manifests

    def scope(obj: Object) -> bool | None:
        kind = kinds.of(obj)
        return None if kind is None else kind.namespaced

    desired = desired_objects(manifests, application, namespaced_by(scope, manifests))
    live: dict[ObjectKey, Object] = {}
    for item in desired:
        kind = kinds.of(item.manifest)
        if kind is None:
            continue
        try:
            live[item.key] = await api.get(kind, item.key.name, item.key.namespace)
        except NotFoundError:
            continue
    owned = await _owned(api, kinds, app, live)
    return [item for item in compare_all(application, desired, live, owned).resources if not item.is_synced]


async def _credentials(api: KubernetesApi, namespace: str) -> list[Object]:
    """What says how repositories are reached, as far as who asks may read it."""
    found: list[Object] = []
    try:
        listed = await api.list(SECRETS, namespace, label_selector=SECRET_TYPE)
        found += [{**obj, "kind": "Secret"} for obj in listed["items"]]  # a list leaves its items' kind out
        found.append(await api.get(CONFIG_MAPS, CERTIFICATES, namespace))
    except ApiError:
        pass  # not there, or not ours to read: the repository may be public, and git says so if it is not
    return found


async def _owned(
    api: KubernetesApi, kinds: Kinds, app: Object, live: dict[ObjectKey, Object]
) -> list[ObjectKey]:
    for entry in (app.get("status") or {}).get("resources") or []:
        key = ObjectKey(entry.get("group", ""), entry["kind"], entry.get("namespace", ""), entry["name"])
        kind = kinds.preferred(key.group, key.kind)
        if key not in live and kind is not None:
            try:
                live[key] = await api.get(kind, key.name, key.namespace)
            except NotFoundError:
                continue
    return [key for key, obj in live.items() if tracking.owner(obj) == metadata(app)["name"]]


def unified(resource: Resource) -> Iterator[str]:
    """The lines of a unified diff from live to desired; a Secret's values are masked."""
    before = _shown(resource.live)
    if resource.desired is None:
        after: Object | None = None
    elif resource.live is None:
        after = _shown(resource.desired)
    else:
        after = _shown(predicted(resource.live, list(resource.differences)))
    if resource.key.kind == "Secret" and not resource.key.group:
        before, after = _masked(before, after), _masked(after, before)
    yield (
        f"===== {resource.key.group}/{resource.key.kind} {resource.key.namespace}/{resource.key.name} ======"
    )
    texts = [yaml.safe_dump(side, sort_keys=True).splitlines() if side else [] for side in (before, after)]
    yield from difflib.unified_diff(texts[0], texts[1], "live", "desired", lineterm="")


def _shown(obj: Object | None) -> Object | None:
    if obj is None:
        return None
    meta = {
        name: value
        for name, value in metadata(obj).items()
        if name not in {"managedFields", "resourceVersion", "uid", "generation", "creationTimestamp"}
    }
    if meta.get("annotations"):
        meta["annotations"] = {
            name: text for name, text in meta["annotations"].items() if name != APPLIED_HASH
        }
    return {**{name: value for name, value in obj.items() if name != "status"}, "metadata": meta}


def _masked(side: Object | None, other: Object | None) -> Object | None:
    if side is None:
        return None
    data = side.get("data") or {}
    against = (other or {}).get("data") or {}
    hidden = {
        name: "++++++++" if against.get(name) == value else "+++++++++ (differs)"
        for name, value in data.items()
    }
    return {**side, "data": hidden} if data else side


async def descendants(api: KubernetesApi, namespaces: set[str]) -> dict[str, list[Object]]:
    """The objects below others, by owner uid; from the kinds that controllers make."""
    kinds = await discover(api)
    made: dict[str, list[Object]] = {}
    for group, name in (("apps", "ReplicaSet"), ("batch", "Job"), ("", "Pod")):
        kind = kinds.preferred(group, name)
        if kind is None:
            continue
        for namespace in sorted(namespaces):
            try:
                items = (await api.list(kind, namespace))["items"]
            except ApiError:
                continue
            for item in items:
                full = {
                    "apiVersion": f"{group}/{kind.version}" if group else kind.version,
                    "kind": name,
                    **item,
                }
                for owner in metadata(full).get("ownerReferences") or []:
                    made.setdefault(owner["uid"], []).append(full)
    for children in made.values():
        children.sort(key=key_of)
    return made
