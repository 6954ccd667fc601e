"""One call of the API: who asks for what, and how. The same for HTTP and for the in-process client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autostack.pocket.apiserver.kinds import Kind
from autostack.pocket.errors import Target
from autostack.pocket.store.journal import Key

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class User:
    """An authenticated identity; `extra` binds a service account's token to its pod."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: dict[str, list[str]] = field(default_factory=dict)


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))
ADMIN = User("kubernetes-admin", ("system:masters", "system:authenticated"))


@dataclass(slots=True)
class Call:
    """What is asked; `warnings` collects what the client should be told although the call succeeds."""

    user: User
    verb: str
    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = "Warn"
    force: bool = False
    warnings: list[str] = field(default_factory=list)

    @property
    def target(self) -> Target:
        """How messages name it."""
        return Target(self.kind.plural, self.kind.group, self.kind.kind, self.name)

    @property
    def key(self) -> Key:
        """Where it is stored."""
        return Key(self.kind.storage, self.namespace, self.name)
