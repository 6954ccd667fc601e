"""Whether an object that Git no longer has may be deleted. What holds data is kept unless it says
otherwise itself.

A claim, a volume or a namespace that vanishes from Git by mistake would take the data with it, and no
revert brings that back; so these are pruned only when the object carries the sync option Prune=true.
"""

from __future__ import annotations

from autostack.gitops.objects import SYNC_OPTIONS, Object, key_of, option_set

HOLDS_DATA = frozenset({"PersistentVolumeClaim", "PersistentVolume", "Namespace", "CustomResourceDefinition"})


def refusal(live: Object, *, asked: bool) -> str:
    """Why the object must stay, "" when it may go. `asked` is whether the operation prunes at all."""
    kind = key_of(live).kind
    options = option_set(live)
    if not asked:
        return "ignored (requires pruning)"
    if "Prune=false" in options:
        return "ignored (no prune)"
    if "Prune=confirm" in options:
        return (
            "ignored (Prune=confirm: this controller takes no confirmations; set "
            "Prune=true or delete it by hand)"
        )
    if kind in HOLDS_DATA and "Prune=true" not in options:
        return (
            f"ignored ({kind} holds data: annotate it with {SYNC_OPTIONS}: Prune=true, or delete it by hand)"
        )
    return ""


def survives_application(live: Object) -> bool:
    """Whether the object stays when its Application is deleted with its resources."""
    options = option_set(live)
    return "Delete=false" in options or (key_of(live).kind in HOLDS_DATA and "Prune=true" not in options)
