"""Authorisation against the RBAC objects in the store as they are at the call: a binding holds, and ceases
to, with the write's answer. The price is a look at every binding for who is not of the control plane.

The group system:masters may do everything, as in Kubernetes; in-process controllers run as members of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autostack.pocket.apiserver.access.rbac import (
    SERVICE_ACCOUNT_PREFIX,
    Attempt,
    Grant,
    Rule,
    allows,
    is_subject,
)
from autostack.pocket.apiserver.call import Call, User
from autostack.pocket.apiserver.selectors import from_label_selector
from autostack.pocket.errors import ApiError, forbidden
from autostack.pocket.store.entry import Entry
from autostack.pocket.store.journal import Key
from autostack.pocket.store.store import Store

RBAC_GROUP = "rbac.authorization.k8s.io"
MASTERS = "system:masters"


class Access:
    """Answers whether a user may do something."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def authorize(self, call: Call) -> None:
        """Raise 403 unless the caller may make the call."""
        if MASTERS in call.user.groups:
            return
        attempt = Attempt(
            call.verb, call.kind.group, call.kind.plural, call.subresource, call.name, call.namespace
        )
        if not self.may(call.user, attempt):
            raise forbidden(call.target, explain(call.user, attempt))

    def authorize_path(self, user: User, verb: str, path: str) -> None:
        """Raise 403 unless the user may read a path that is no resource."""
        if not self.may(user, Attempt(verb, path=path)):
            message = f'User "{user.name}" cannot {verb} path "{path}"'
            raise ApiError(403, "Forbidden", f"forbidden: {message}")

    def may(self, user: User, attempt: Attempt) -> bool:
        """Whether some grant allows the attempt."""
        return self.reason(user, attempt) is not None

    def reason(self, user: User, attempt: Attempt) -> str | None:
        """Through what the attempt is allowed; None when it is not."""
        if MASTERS in user.groups:
            return f"member of {MASTERS}"
        for grant in self.grants(user, attempt.namespace):
            if any(allows(rule, attempt) for rule in grant.rules):
                return f"RBAC: allowed by {grant.through}"
        return None

    def impersonate(self, user: User, wanted: User) -> User:
        """The wanted user, for a caller that may impersonate it and each of its groups; raises 403."""
        attempt = Attempt("impersonate", resource="users", name=wanted.name)
        groups = wanted.groups
        if wanted.name.startswith(SERVICE_ACCOUNT_PREFIX):
            namespace, _, name = wanted.name.removeprefix(SERVICE_ACCOUNT_PREFIX).partition(":")
            attempt = Attempt("impersonate", resource="serviceaccounts", name=name, namespace=namespace)
            groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", *groups)
        asked = [name for name in wanted.groups if name != "system:authenticated"]
        attempts = [attempt, *(Attempt("impersonate", resource="groups", name=name) for name in asked)]
        for needed in attempts:
            if not self.may(user, needed):
                raise ApiError(
                    403,
                    "Forbidden",
                    f"{needed.resource} {needed.name!r} is forbidden: {explain(user, needed)}",
                )
        return User(wanted.name, groups)

    def rules(self, user: User, namespace: str) -> list[Rule]:
        """Everything that a user may do in a namespace (and, with "", cluster-wide)."""
        if MASTERS in user.groups:
            return [
                {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
                {"nonResourceURLs": ["*"], "verbs": ["*"]},
            ]
        return [rule for grant in self.grants(user, namespace) for rule in grant.rules]

    def grants(self, user: User, namespace: str) -> Iterator[Grant]:
        """The grants that apply to a user in a namespace."""
        for entry in self._store.entries(f"clusterrolebindings.{RBAC_GROUP}"):
            if self._names(entry.object, user, ""):
                rules = self.role_rules(entry.object["roleRef"], "")
                yield Grant(rules, None, f'ClusterRoleBinding "{entry.key.name}"')
        if namespace:
            for entry in self._store.entries(f"rolebindings.{RBAC_GROUP}", namespace):
                if self._names(entry.object, user, namespace):
                    rules = self.role_rules(entry.object["roleRef"], namespace)
                    yield Grant(rules, namespace, f'RoleBinding "{entry.key.name}/{namespace}"')

    @staticmethod
    def _names(binding: dict[str, Any], user: User, namespace: str) -> bool:
        return any(is_subject(subject, user, namespace) for subject in binding.get("subjects") or ())

    def role_rules(self, reference: dict[str, Any], namespace: str) -> tuple[Rule, ...]:
        """The rules of the role that a binding names; none when it is missing."""
        entry = self._role(reference, namespace)
        if entry is None:
            return ()
        return (*(entry.object.get("rules") or ()), *self._aggregated(entry.object))

    def has_role(self, reference: dict[str, Any], namespace: str) -> bool:
        """Whether the role that a binding names is there."""
        return self._role(reference, namespace) is not None

    def _role(self, reference: dict[str, Any], namespace: str) -> Entry | None:
        if reference.get("kind") == "ClusterRole":
            return self._store.get(Key(f"clusterroles.{RBAC_GROUP}", "", str(reference.get("name"))))
        return self._store.get(Key(f"roles.{RBAC_GROUP}", namespace, str(reference.get("name"))))

    def _aggregated(self, role: dict[str, Any]) -> Iterator[Rule]:
        """The rules of the ClusterRoles that an aggregated one selects, looked up when they are needed."""
        selectors = (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or ()
        terms = [from_label_selector(selector) for selector in selectors]
        for entry in self._store.entries(f"clusterroles.{RBAC_GROUP}") if terms else ():
            labels = entry.object["metadata"].get("labels") or {}
            if any(all(term.matches(labels) for term in selector) for selector in terms):
                yield from entry.object.get("rules") or ()


def explain(user: User, attempt: Attempt) -> str:
    """What a 403 says."""
    where = f'in the namespace "{attempt.namespace}"' if attempt.namespace else "at the cluster scope"
    what = f'resource "{attempt.full_resource}" in API group "{attempt.group}"'
    return f'User "{user.name}" cannot {attempt.verb} {what} {where}'
