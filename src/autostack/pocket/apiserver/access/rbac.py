"""Role-based access control as pure functions: rules and an attempt in, yes or no out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from autostack.pocket.apiserver.call import User

Rule = dict[str, Any]
SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody tries: on a resource, or (`path` set) on a path that is no resource."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    namespace: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        """`pods`, `pods/log`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


@dataclass(frozen=True, slots=True)
class Grant:
    """Rules that a binding gives, where (`namespace` None: everywhere), and through what."""

    rules: tuple[Rule, ...] = field(default_factory=tuple)
    namespace: str | None = None
    through: str = ""


def is_subject(subject: dict[str, Any], user: User, namespace: str) -> bool:
    """Whether a binding's subject is this user; `namespace` is the binding's, a service account's default."""
    kind, name = subject.get("kind"), subject.get("name")
    if kind == "User":
        return bool(name == user.name)
    if kind == "Group":
        return name in user.groups
    return user.name == f"{SERVICE_ACCOUNT_PREFIX}{subject.get('namespace') or namespace}:{name}"


def allows(rule: Rule, attempt: Attempt) -> bool:
    """Whether one rule covers the attempt."""
    if not _has(rule.get("verbs"), attempt.verb):
        return False
    if attempt.path:
        return any(_path_matches(pattern, attempt.path) for pattern in rule.get("nonResourceURLs") or ())
    names = rule.get("resourceNames")
    return (
        _has(rule.get("apiGroups"), attempt.group)
        and _resource_matches(rule.get("resources") or (), attempt)
        and (not names or attempt.name in names)
    )


def _has(allowed: Sequence[str] | None, value: str) -> bool:
    return allowed is not None and ("*" in allowed or value in allowed)


def _resource_matches(resources: Iterable[str], attempt: Attempt) -> bool:
    wildcard = f"*/{attempt.subresource}" if attempt.subresource else "*"
    return any(resource in ("*", attempt.full_resource, wildcard) for resource in resources)


def _path_matches(pattern: str, path: str) -> bool:
    return pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern[:-1]))


def covers(rules: Iterable[Rule], wanted: Rule) -> bool:
    """Whether rules together allow everything that one rule allows: the test of privilege escalation."""
    rules = list(rules)
    for verb in wanted.get("verbs") or ():
        for path in wanted.get("nonResourceURLs") or ():
            if not any(allows(rule, Attempt(verb, path=path)) for rule in rules):
                return False
        for group in wanted.get("apiGroups") or ():
            for resource in wanted.get("resources") or ():
                plain, _, sub = resource.partition("/")
                for name in wanted.get("resourceNames") or ("",):
                    if not any(allows(rule, Attempt(verb, group, plain, sub, name)) for rule in rules):
                        return False
    return True
