"""Hooks: objects that run at a phase of the sync instead of being kept equal to Git, e.g. a migration Job."""

from __future__ import annotations

import copy

from autostack.gitops.errors import SpecError
from autostack.gitops.objects import HOOK, HOOK_DELETE_POLICY, Object, annotations_of, metadata
from autostack.gitops.waves import PHASES

DELETE_POLICIES = frozenset({"HookSucceeded", "HookFailed", "BeforeHookCreation"})
_NOT_PHASES = frozenset({"Skip"})
_REFUSED = frozenset({"PreDelete", "PostDelete"})


def hook_types(obj: Object) -> tuple[str, ...]:
    """The phases at which the object is a hook, in order; ("Skip",) when it is never applied; () for no
    hook.
    """
    text = annotations_of(obj).get(HOOK, "")
    types = {part.strip() for part in text.split(",") if part.strip()}
    name = f"{obj.get('kind')} {metadata(obj).get('name') or metadata(obj).get('generateName')}"
    for unknown in sorted(types - set(PHASES) - _NOT_PHASES):
        support = (
            "is not supported by this controller"
            if unknown in _REFUSED
            else f"is none of {', '.join(PHASES)}, Skip"
        )
        raise SpecError(f"{name}: annotation {HOOK}: {unknown!r} {support}")
    if "helm.sh/hook" in annotations_of(obj):
        raise SpecError(f"{name}: Helm hooks are not supported by this controller; use the annotation {HOOK}")
    return tuple(phase for phase in (*PHASES, "Skip") if phase in types)


def delete_policies(obj: Object) -> frozenset[str]:
    """When the hook's object is deleted; BeforeHookCreation when it does not say."""
    text = annotations_of(obj).get(HOOK_DELETE_POLICY, "")
    policies = frozenset(part.strip() for part in text.split(",") if part.strip())
    for unknown in sorted(policies - DELETE_POLICIES):
        raise SpecError(
            f"{obj.get('kind')} {metadata(obj).get('name')}: annotation "
            f"{HOOK_DELETE_POLICY}: {unknown!r} is none of "
            f"{', '.join(sorted(DELETE_POLICIES))}"
        )
    return policies or frozenset({"BeforeHookCreation"})


def operation_mark(state: Object) -> str:
    """What tells the hooks of one try of one operation from all others: a second holds more than one push."""
    revision = state["syncResult"]["revision"]
    return f"{state['startedAt']}/{revision}/{state.get('retryCount', 0)}"


def named(obj: Object, *, phase: str, revision: str, started_at_s: int) -> Object:
    """A hook with a name of its own per sync when it has only generateName, and the same one after a
    restart.
    """
    meta = metadata(obj)
    if meta.get("name") or not meta.get("generateName"):
        return obj
    hook = copy.deepcopy(obj)
    prefix = hook["metadata"].pop("generateName")
    hook["metadata"]["name"] = f"{prefix}{revision[:7]}-{phase.lower()}-{started_at_s}"
    return hook
