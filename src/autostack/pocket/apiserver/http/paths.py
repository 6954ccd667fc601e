"""A path of the API taken apart, and the verb that a method means there. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from autostack.pocket.errors import method_not_allowed

NAMESPACE_PARTS = ("status", "finalize")


@dataclass(frozen=True, slots=True)
class Place:
    """What a path names."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def parse(path: str) -> Place | None:
    """The place, or None when the path is not below a group version, or is deeper than a subresource."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= 3 and not (len(rest) == 3 and rest[2] in NAMESPACE_PARTS):
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3:
        return None
    padded = [*rest, "", ""]
    return Place(group, version, padded[0], namespace, padded[1], padded[2])


def verb_of(method: str, place: Place, *, watch: bool) -> str:
    """The verb that RBAC and routing know; raises 405."""
    if method in ("GET", "HEAD"):
        if not place.name:
            return "watch" if watch else "list"
        return "get"
    verbs = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
    verb = verbs.get(method)
    if verb is None:
        raise method_not_allowed(method)
    if verb == "delete" and not place.name:
        return "deletecollection"
    if verb in ("update", "patch") and not place.name:
        raise method_not_allowed(verb)
    return verb
