"""What a manifest tells the controller by its own annotations; checked when Git is read, so pure.

An instruction that would be ignored is an error of that revision: the last good one stays, and is still
healed.
"""

from __future__ import annotations

from autostack.gitops import hooks, waves
from autostack.gitops.errors import SpecError
from autostack.gitops.objects import COMPARE_OPTIONS, SYNC_OPTIONS, Object, key_of, option_set

_EITHER = frozenset({"true", "false"})
_SYNC_OPTIONS: dict[str, frozenset[str]] = {
    "Prune": _EITHER | {"confirm"},
    "PruneLast": _EITHER,
    "Delete": _EITHER,
    "Replace": _EITHER,
    "Force": _EITHER,
    "SkipDryRunOnMissingResource": _EITHER,
    # Everything is applied server-side and validated (docs/decisions/0051).
    "ServerSideApply": frozenset({"true"}),
    "Validate": frozenset({"true"}),
}
_COMPARE_OPTIONS = frozenset({"IgnoreExtraneous", "ServerSideDiff=true"})


def check(manifest: Object) -> None:
    """SpecError for an instruction that cannot be read, or that this controller does not follow."""
    waves.wave_of(manifest)
    if hooks.hook_types(manifest):
        hooks.delete_policies(manifest)
    for option in sorted(option_set(manifest)):
        name, _, value = option.partition("=")
        if value not in _SYNC_OPTIONS.get(name, ()):
            raise _refused(manifest, SYNC_OPTIONS, option)
    for option in sorted(option_set(manifest, COMPARE_OPTIONS) - _COMPARE_OPTIONS):
        raise _refused(manifest, COMPARE_OPTIONS, option)


def _refused(manifest: Object, annotation: str, option: str) -> SpecError:
    key = key_of(manifest)
    return SpecError(
        f"{key.kind} {key.name}: annotation {annotation}: {option!r} is not supported by this controller"
    )
