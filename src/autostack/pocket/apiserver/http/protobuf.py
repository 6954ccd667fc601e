"""Decode Kubernetes' protobuf request bodies into the JSON form of the same object. Answers are always JSON.

Field numbers come from condensed .proto files. The wire cannot tell an unset Go value from a zero one, so
zeros are dropped except in fields that are pointers in Go, where zero means something.
"""

from __future__ import annotations

import base64
import functools
import gzip
import json
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import msgspec

from autostack.pocket.apiserver import schemas
from autostack.pocket.errors import bad_request

MAGIC = b"k8s\x00"
ONE, MANY, MAP = 0, 1, 2
MAX_DEPTH = 40
# Embedded structs, whose fields stand in the parent's JSON.
INLINE = (
    "volumeSource",
    "handler",
    "persistentVolumeSource",
    "localObjectReference",
    "ephemeralContainerCommon",
    "ingressRuleValue",
)
RENAMED = {"uID": "uid", "aPIGroup": "apiGroup"}
ZERO_MATTERS = frozenset((
    "replicas", "minReplicas", "backoffLimit", "completions", "parallelism", "revisionHistoryLimit",
    "partition", "suspend", "terminationGracePeriodSeconds", "gracePeriodSeconds",
    "ttlSecondsAfterFinished", "automountServiceAccountToken", "enableServiceLinks",
    "allowPrivilegeEscalation", "runAsNonRoot", "readOnlyRootFilesystem", "runAsUser", "controller",
    "successfulJobsHistoryLimit", "failedJobsHistoryLimit", "value", "orphanDependents", "optional",
))  # fmt: skip
Messages = dict[str, dict[str, tuple[str, str, int]]]
_UNDECODABLE = (
    KeyError, IndexError, ValueError, TypeError, AttributeError, OverflowError, OSError, struct.error
)  # fmt: skip


@functools.cache
def messages() -> Messages:
    """Field names and types by message and number."""
    packed = resources.files(schemas).joinpath("protobuf.json.gz").read_bytes()
    loaded: Messages = msgspec.json.decode(gzip.decompress(packed))
    return loaded


def decode(body: bytes) -> dict[str, Any]:
    """The object of an `application/vnd.kubernetes.protobuf` body; raises 400."""
    if not body.startswith(MAGIC):
        raise bad_request("the body does not begin as Kubernetes protobuf does")
    try:
        envelope = dict(_fields(body[len(MAGIC) :]))
        names = {number: value.decode() for number, value in _fields(envelope[1])}
        api_version, kind = names.get(1, ""), names.get(2, "")
        group, _, version = api_version.rpartition("/")
        message = f"{group.split('.')[0] or 'core'}.{version}.{kind}"
        if kind == "DeleteOptions":
            message = "meta.v1.DeleteOptions"
        if message not in messages():
            raise bad_request(
                f"protobuf bodies of kind {kind} in {api_version} are not understood here; send JSON"
            )
        decoded: dict[str, Any] = _message(envelope.get(2, b""), message, 0)
    except _UNDECODABLE as error:
        raise bad_request(f"the protobuf body cannot be decoded: {error!r}") from error
    return {"apiVersion": api_version, "kind": kind, **decoded}


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a varint is too long")


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        value: Any
        if kind == 0:
            value, at = _varint(data, at)
        elif kind == 2:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise ValueError("a field is cut off")
            value, at = data[at : at + size], at + size
        elif kind == 1:
            (value,) = struct.unpack_from("<d", data, at)
            at += 8
        else:
            raise ValueError(f"wire type {kind} does not occur in Kubernetes messages")
        yield tag >> 3, value


def _message(data: bytes, name: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError("messages nest too deep")
    special = _SPECIAL.get(name)
    if special is not None:
        return special(dict(_fields(data)))
    known = messages()[name]
    decoded: dict[str, Any] = {}
    for number, raw in _fields(data):
        field, kind, count = known.get(str(number), ("", "", ONE))
        field = RENAMED.get(field, field)
        if not field:  # of a newer Kubernetes: left out, it would be lost without a word
            raise ValueError(f"field {number} of {name} is not known here; send JSON")
        if count == MAP:
            entry = dict(_fields(raw))
            decoded.setdefault(field, {})[entry.get(1, b"").decode()] = _value(entry.get(2, b""), kind, depth)
            continue
        value = _value(raw, kind, depth)
        if count == MANY:
            decoded.setdefault(field, []).append(value)
        elif field in INLINE and isinstance(value, dict):
            decoded.update(value)
        elif value is not None and (
            value not in ("", 0, 0.0) or isinstance(value, dict) or field in ZERO_MATTERS
        ):
            decoded[field] = value
    return (
        decoded["items"]
        if set(known) == {"1"} and known["1"][0] == "items" and known["1"][1] == "string"
        else decoded
    )


def _value(raw: Any, kind: str, depth: int) -> Any:
    if kind == "string":
        return raw.decode()
    if kind == "bytes":
        return base64.b64encode(raw).decode()
    if kind == "bool":
        return bool(raw)
    if kind in ("int32", "int64"):
        return raw - 2**64 if raw >= 2**63 else raw
    if kind in ("uint32", "uint64", "double"):
        return raw
    return _message(raw, kind, depth + 1)


def _time(fields: dict[int, Any]) -> str | None:
    if 1 not in fields:
        return None
    stamp = datetime.fromtimestamp(fields[1], UTC).strftime("%Y-%m-%dT%H:%M:%S")
    micros = fields.get(2, 0) // 1000
    return f"{stamp}.{micros:06}Z" if micros else f"{stamp}Z"


def _int_or_string(fields: dict[int, Any]) -> Any:
    return fields.get(3, b"").decode() if fields.get(1) else fields.get(2, 0)


_SPECIAL: dict[str, Callable[[dict[int, Any]], Any]] = {
    "meta.v1.Time": _time,
    "meta.v1.MicroTime": _time,
    "resource.Quantity": lambda fields: fields.get(1, b"").decode(),
    "intstr.IntOrString": _int_or_string,
    "meta.v1.FieldsV1": lambda fields: json.loads(fields.get(1, b"{}")),
    "runtime.RawExtension": lambda fields: json.loads(fields.get(1, b"null")),
}
