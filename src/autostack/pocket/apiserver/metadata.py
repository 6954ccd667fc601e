"""What the server itself writes into metadata, and what it never lets a client write. Pure apart from fresh
ids.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.errors import FieldError, bad_request, conflict, invalid

Object = dict[str, Any]
SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
GENERATED_NAME_LIMIT = 58
# Written by the server; an update keeps the stored value whatever the client sends.
SERVER_OWNED = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
OPTIONAL = ("annotations", "finalizers", "generateName", "labels", "ownerReferences")


def now() -> str:
    """This second, as metav1.Time."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def generated_name(prefix: str) -> str:
    """The prefix and five random characters that spell no word."""
    letters = (SUFFIX_ALPHABET[byte % len(SUFFIX_ALPHABET)] for byte in secrets.token_bytes(5))
    return prefix[:GENERATED_NAME_LIMIT] + "".join(letters)


def claim_identity(call: Call, obj: Object) -> None:
    """Make the object's kind, name and namespace those of the call; raises 400 when they contradict each
    other.
    """
    kind = call.kind
    for field, value in (("apiVersion", kind.api_version), ("kind", kind.kind)):
        given = obj.setdefault(field, value) or value
        if given != value:
            raise bad_request(f"the object provided is unrecognized (must be of type {kind.kind}): "
                              f"its {field} is {given!r}, not {value!r}")  # fmt: skip
        obj[field] = value
    metadata = obj.get("metadata")
    if metadata is None:
        missing = FieldError("metadata.name", "name or generateName is required", "Required value")
        raise invalid(call.target, [missing])
    if not isinstance(metadata, dict):
        raise bad_request("metadata must be an object")
    given = metadata.get("namespace") or ""
    if not kind.namespaced:
        metadata.pop("namespace", None)
        return
    if given and call.namespace and given != call.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    metadata["namespace"] = call.namespace


def leave_out_empty(obj: Object) -> None:
    """Take away the metadata that says nothing, as Kubernetes writes it."""
    metadata = obj["metadata"]
    for field in OPTIONAL:
        if field in metadata and not metadata[field]:
            del metadata[field]


def begin(call: Call, obj: Object) -> None:
    """Fill in a new object's metadata: name, uid, time, generation; and take the call's name from it."""
    metadata = obj["metadata"]
    if not metadata.get("name"):
        if not metadata.get("generateName"):
            raise invalid(
                call.target,
                [FieldError("metadata.name", "name or generateName is required", "Required value")],
            )
        metadata["name"] = generated_name(str(metadata["generateName"]))
    call.name = str(metadata["name"])
    if call.verb != "apply":
        metadata.pop("managedFields", None)
    for field in (
        "resourceVersion",
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
    ):
        metadata.pop(field, None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = now()
    if call.kind.generation:
        metadata["generation"] = 1


def carry_over(call: Call, new: Object, old: Object) -> None:
    """Keep in an update what belongs to the server, and refuse a change of identity."""
    metadata, stored = new["metadata"], old["metadata"]
    if metadata.get("name") not in (None, "", stored["name"]):
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL "
            f"({stored['name']})"
        )
    if metadata.get("uid") not in (None, "", stored["uid"]):
        raise _wrong_uid(call, str(metadata["uid"]), stored["uid"])
    metadata["name"] = stored["name"]
    for field in SERVER_OWNED:
        metadata.pop(field, None)
        if field in stored:
            metadata[field] = stored[field]


def _wrong_uid(call: Call, given: str, stored: str) -> Exception:
    return conflict(
        call.target, f"Precondition failed: UID in precondition: {given}, UID in object meta: {stored}"
    )


def spec_of(obj: Object) -> Object:
    """Everything whose change counts as a new generation."""
    return {
        key: value for key, value in obj.items() if key not in ("metadata", "status", "apiVersion", "kind")
    }
