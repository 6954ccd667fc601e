"""Who owns whom, by uid. Pure: it is told of every change and says which objects must be looked at again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.kinds import Kind
from autostack.pocket.controllers.meta import is_deleting, owners_of, uid_of

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


@dataclass(frozen=True, slots=True)
class Node:
    """One object."""

    kind: Kind
    obj: Object

    def has_finalizer(self, name: str) -> bool:
        """Whether the finalizer is there."""
        return name in (self.obj["metadata"].get("finalizers") or [])

    @property
    def is_foreground(self) -> bool:
        """Being deleted, and waiting for its dependents to go first."""
        return is_deleting(self.obj) and self.has_finalizer(FOREGROUND)


class Graph:
    """Objects and the owner references between them."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._dependents: dict[str, set[str]] = {}

    def get(self, uid: str) -> Node | None:
        """The object with this uid."""
        return self._nodes.get(uid)

    def dependents(self, uid: str) -> list[Node]:
        """The objects that name this one as an owner, in a stable order."""
        found = sorted(self._dependents.get(uid, ()))
        return [self._nodes[one] for one in found if one in self._nodes]

    def follow(self, kind: Kind, old: Object | None, new: Object | None) -> set[str]:
        """Take over a change; the uids that it concerns."""
        touched: set[str] = set()
        if old is not None:
            self._unlink(old)
            if new is None or uid_of(new) != uid_of(old):
                touched |= self._dependents.get(uid_of(old), set()) | self._owners(old)
                self._nodes.pop(uid_of(old), None)
        if new is not None:
            self._nodes[uid_of(new)] = Node(kind, new)
            for owner in self._owners(new):
                self._dependents.setdefault(owner, set()).add(uid_of(new))
            if self._matters(new):
                touched |= {uid_of(new)} | {one for one in self._owners(new) if self._waits(one)}
        return touched

    def _matters(self, obj: Object) -> bool:
        held = {FOREGROUND, ORPHAN} & set(obj["metadata"].get("finalizers") or [])
        return bool(owners_of(obj)) or (is_deleting(obj) and bool(held))

    def _waits(self, uid: str) -> bool:
        node = self._nodes.get(uid)
        return node is not None and node.is_foreground

    @staticmethod
    def _owners(obj: Object) -> set[str]:
        return {owner["uid"] for owner in owners_of(obj)}

    def _unlink(self, obj: Object) -> None:
        for owner in self._owners(obj):
            linked = self._dependents.get(owner)
            if linked is not None:
                linked.discard(uid_of(obj))
                if not linked:
                    del self._dependents[owner]

    def blockers(self, uid: str) -> list[Node]:
        """The dependents that a foreground deletion of `uid` still waits for.

        One that is itself waiting, directly or not, for `uid` is left out, or a circle of owners would
        never end.
        """
        return [
            node
            for node in self.dependents(uid)
            if blocks(node.obj, uid) and not (node.is_foreground and self._reaches(uid_of(node.obj), uid))
        ]

    def _reaches(self, start: str, goal: str) -> bool:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            uid = waiting.pop()
            if uid == goal:
                return True
            if uid not in seen:
                seen.add(uid)
                waiting += self._dependents.get(uid, ())
        return False


def blocks(obj: Object, owner_uid: str) -> bool:
    """Whether the object's reference to this owner has blockOwnerDeletion."""
    return any(one["uid"] == owner_uid and one.get("blockOwnerDeletion") for one in owners_of(obj))


def without_owners(obj: Object, uids: set[str]) -> list[dict[str, Any]]:
    """The owner references that stay."""
    return [one for one in owners_of(obj) if one["uid"] not in uids]
