"""Git against the cluster, object by object: what an Application's status says of its resources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from autostack.gitops import health, hooks, ignore, pruning, tracking, waves
from autostack.gitops.application import Application
from autostack.gitops.diff import Difference, compare, normalized
from autostack.gitops.health.verdict import MISSING, Health, worst
from autostack.gitops.objects import (
    COMPARE_OPTIONS,
    HOOK,
    Object,
    ObjectKey,
    annotations_of,
    is_being_deleted,
    key_of,
    option_set,
    version_of,
)

SYNCED, OUT_OF_SYNC, UNKNOWN = "Synced", "OutOfSync", "Unknown"


@dataclass(frozen=True, slots=True)
class Desired:
    """One manifest, ready to apply: normalized, with its namespace and our marks."""

    key: ObjectKey
    manifest: Object
    wave: int
    hook_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """One object of the application, on both sides."""

    key: ObjectKey
    version: str
    desired: Object | None
    live: Object | None
    differences: tuple[Difference, ...]
    wave: int
    hook: bool
    counts: bool
    health: Health | None

    @property
    def requires_pruning(self) -> bool:
        """Whether it is ours in the cluster and no longer in Git."""
        return self.desired is None and not self.hook

    @property
    def is_synced(self) -> bool:
        """Whether both sides agree."""
        return self.hook or (self.desired is not None and self.live is not None and not self.differences)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole application."""

    resources: tuple[Resource, ...]

    @property
    def sync_status(self) -> str:
        """Synced when every resource that counts is."""
        return SYNCED if all(item.is_synced or not item.counts for item in self.resources) else OUT_OF_SYNC

    @property
    def health_status(self) -> str:
        """The worst health; a resource that is to be pruned does not count."""
        return worst(
            [
                item.health.status
                for item in self.resources
                if item.health and item.counts and not item.requires_pruning and not item.hook
            ]
        )


def desired_objects(
    manifests: Iterable[Object], app: Application, is_namespaced: Callable[[Object], bool]
) -> list[Desired]:
    """The manifests as they will be applied; SpecError for one whose annotations cannot be read."""
    found: list[Desired] = []
    for manifest in manifests:
        shown = normalized(manifest)
        meta = shown.setdefault("metadata", {})
        if not is_namespaced(shown):
            meta.pop("namespace", None)
        elif not meta.get("namespace"):
            meta["namespace"] = app.destination_namespace or "default"
        types = hooks.hook_types(shown)
        if types == ("Skip",):
            continue
        if types:
            hooks.delete_policies(shown)
            found.append(Desired(key_of(shown), shown, waves.wave_of(shown), types))
            continue
        rules = ignore.rules_for(key_of(shown), app.ignore)
        marked = tracking.marked(shown, app.name, hashed=ignore.without_ignored(shown, rules))
        found.append(Desired(key_of(shown), marked, waves.wave_of(shown)))
    return found


def compare_all(
    app: Application, desired: Iterable[Desired], live: Mapping[ObjectKey, Object], owned: Iterable[ObjectKey]
) -> Comparison:
    """The comparison. `owned` are the keys of live objects that carry the application's tracking id."""
    resources: dict[ObjectKey, Resource] = {}
    for item in desired:
        if not item.hook_types:
            resources[item.key] = compare_one(app, item, live.get(item.key))
    hook_keys = {item.key for item in desired if item.hook_types}
    for key in owned:
        if key not in resources:
            obj = live[key]
            is_hook = key in hook_keys or HOOK in annotations_of(obj)
            counts = not is_hook and "IgnoreExtraneous" not in option_set(obj, COMPARE_OPTIONS)
            resources[key] = Resource(
                key, version_of(obj), None, obj, (), 0, is_hook, counts, health.assess(obj)
            )
    return Comparison(tuple(sorted(resources.values(), key=lambda item: (item.wave, item.key))))


def compare_one(app: Application, item: Desired, live: Object | None) -> Resource:
    """One desired object against its live one."""
    differences: list[Difference] = []
    if live is not None:
        rules = ignore.rules_for(item.key, app.ignore)
        differences = ignore.remaining(compare(item.manifest, live), rules, live)
    verdict = Health(MISSING) if live is None else health.assess(live)
    return Resource(
        item.key,
        version_of(item.manifest),
        item.manifest,
        live,
        tuple(differences),
        item.wave,
        False,
        True,
        verdict,
    )


def prunable(resource: Resource) -> bool:
    """Whether an automated prune would delete it; not again while its deletion is under way."""
    live = resource.live
    if not resource.requires_pruning or live is None or is_being_deleted(live):
        return False
    return not pruning.refusal(live, asked=True)
