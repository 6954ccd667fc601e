"""The forms that names, labels and annotations must have, with Kubernetes' own wording of what is wrong.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from autostack.pocket.apiserver.kinds import Kind
from autostack.pocket.errors import FieldError

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\Z")
ANNOTATIONS_BYTES = 256 * 1024
LABEL_NAMES = ("namespaces", "services")
PATH_NAMES = ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
    "start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


CONFIG_KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
    "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
QUALIFIED_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
LABEL_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
    "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
NAME_LIMIT = 63


def is_label(text: Any) -> bool:
    """RFC 1123 label, at most 63 characters."""
    return isinstance(text, str) and len(text) <= 63 and LABEL.match(text) is not None


def is_subdomain(text: Any) -> bool:
    """RFC 1123 subdomain, at most 253 characters."""
    return isinstance(text, str) and len(text) <= 253 and SUBDOMAIN.match(text) is not None


def is_qualified(text: Any) -> bool:
    """A label's or annotation's key: an optional DNS prefix and a name of at most 63 characters."""
    if not isinstance(text, str):
        return False
    prefix, slash, name = text.rpartition("/")
    return (not slash or is_subdomain(prefix)) and len(name) <= 63 and QUALIFIED.match(name) is not None


def is_label_value(text: Any) -> bool:
    """Empty, or at most 63 characters that begin and end alphanumerically."""
    return isinstance(text, str) and (not text or (len(text) <= 63 and QUALIFIED.match(text) is not None))


def name_errors(kind: Kind, name: str) -> Iterator[FieldError]:
    """What is wrong with an object's name."""
    if kind.group == "rbac.authorization.k8s.io" and kind.plural in PATH_NAMES:
        if name in (".", "..") or "/" in name or "%" in name or not name:
            yield FieldError("metadata.name", "may not contain '/' or '%', or be '.' or '..'", value=name)
    elif kind.plural in LABEL_NAMES and not kind.group:
        if not is_label(name):
            yield FieldError("metadata.name", LABEL_RULE, value=name)
    elif not is_subdomain(name):
        yield FieldError("metadata.name", SUBDOMAIN_RULE, value=name)


def label_errors(labels: Any, path: str) -> Iterator[FieldError]:
    """What is wrong with a map of labels."""
    for key, value in (labels or {}).items():
        if not is_qualified(key):
            yield _key_error(path, key)
        if not is_label_value(value):
            too_long = isinstance(value, str) and len(value) > NAME_LIMIT
            said = f"must be no more than {NAME_LIMIT} bytes" if too_long else LABEL_VALUE_RULE
            yield FieldError(path, said, value=value)


def _key_error(path: str, key: Any) -> FieldError:
    prefix, slash, name = str(key).rpartition("/")
    if slash and not is_subdomain(prefix):
        return FieldError(path, f"prefix part {SUBDOMAIN_RULE}", value=key)
    too_long = len(name) > NAME_LIMIT
    said = f"name part must be no more than {NAME_LIMIT} bytes" if too_long else QUALIFIED_RULE
    return FieldError(path, said, value=key)


def metadata_errors(kind: Kind, metadata: dict[str, Any]) -> Iterator[FieldError]:
    """What is wrong with an object's metadata."""
    yield from name_errors(kind, str(metadata.get("name", "")))
    yield from label_errors(metadata.get("labels"), "metadata.labels")
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        if not is_qualified(str(key).lower()):
            yield _key_error("metadata.annotations", key)
    size = sum(len(str(key).encode()) + len(str(value).encode()) for key, value in annotations.items())
    if size > ANNOTATIONS_BYTES:
        yield FieldError(
            "metadata.annotations", f"may not be more than {ANNOTATIONS_BYTES} bytes", "Too long"
        )
    for index, finalizer in enumerate(metadata.get("finalizers") or ()):
        if not is_qualified(finalizer):
            yield FieldError(
                f"metadata.finalizers[{index}]",
                "name is neither a standard finalizer name nor is it fully qualified",
                value=finalizer,
            )
    yield from _owner_errors(metadata)


def _owner_errors(metadata: dict[str, Any]) -> Iterator[FieldError]:
    controllers = 0
    for index, owner in enumerate(metadata.get("ownerReferences") or ()):
        controllers += bool(owner.get("controller"))
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                yield FieldError(f"metadata.ownerReferences[{index}].{field}", "must not be empty", value="")
    if controllers > 1:
        yield FieldError(
            "metadata.ownerReferences",
            "Only one reference can have Controller set to true",
            value=controllers,
        )
