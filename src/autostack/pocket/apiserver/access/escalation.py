"""Nobody gives away rights that he does not have: checks before a role or a binding is written.

A role that is not there yet may become any role, so it can't be bound, as in Kubernetes.
Exempt is who has the verb `escalate` on the role (or `bind`, for a binding), as in Kubernetes.
"""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.access.rbac import Attempt, covers
from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.errors import Target, forbidden, not_found

Object = dict[str, Any]
EVERYTHING: Object = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
ROLES = ("roles.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io")
BINDINGS = ("rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io")


def check(core: Core, call: Call, new: Object, old: Object | None) -> None:
    """Raise 403 for a write that escalates, 404 for a binding to a role that is not there."""
    storage = call.kind.storage
    if new.get("aggregationRule") != (old or {}).get("aggregationRule"):
        _check_rules(core, call, [EVERYTHING])
    if storage in ROLES and (old is None or new.get("rules") != old.get("rules")):
        if not _may(core, call, "escalate", call.kind.plural, call.name):
            _check_rules(core, call, list(new.get("rules") or ()))
    elif storage in BINDINGS and (
        old is None or new.get("subjects") != old.get("subjects") or new["roleRef"] != old["roleRef"]
    ):
        reference = new.get("roleRef") or {}
        plural = "clusterroles" if reference.get("kind") == "ClusterRole" else "roles"
        if not _may(core, call, "bind", plural, str(reference.get("name"))):
            if not core.access.has_role(reference, call.namespace):
                kind, name = str(reference.get("kind")), str(reference.get("name"))
                raise not_found(Target(plural, call.kind.group, kind, name))
            _check_rules(core, call, list(core.access.role_rules(reference, call.namespace)))


def _may(core: Core, call: Call, verb: str, plural: str, name: str) -> bool:
    attempt = Attempt(verb, call.kind.group, plural, name=name, namespace=call.namespace)
    return core.access.may(call.user, attempt)


def _check_rules(core: Core, call: Call, rules: list[Object]) -> None:
    own = core.access.rules(call.user, call.namespace)
    for rule in rules:
        if not covers(own, rule):
            raise forbidden(
                call.target,
                f'user "{call.user.name}" (groups={list(call.user.groups)}) is attempting to grant '
                "RBAC permissions not currently "
                f"held: {rule}",
            )
