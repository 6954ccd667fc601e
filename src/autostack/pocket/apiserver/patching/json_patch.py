"""JSON patch (RFC 6902) over JSON pointers (RFC 6901). A test that fails, or a path that is not there, is
422.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from autostack.pocket.errors import ApiError, bad_request

MAX_OPERATIONS = 10_000
_MISSING = object()
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def apply(document: Any, patch: list[Any]) -> Any:
    """The patched document."""
    if len(patch) > MAX_OPERATIONS:
        raise ApiError(
            413,
            "RequestEntityTooLarge",
            f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(patch)}",
        )
    patched = copy.deepcopy(document)
    for number, operation in enumerate(patch):
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise bad_request(f"JSON patch operation {number} is not an object with op and path")
        patched = _perform(patched, operation)
    return patched


def _perform(document: Any, operation: dict[str, Any]) -> Any:
    op, path = operation.get("op"), _pointer(operation["path"])
    if op in ("add", "replace", "test"):
        if "value" not in operation:
            raise bad_request(f"JSON patch operation {op} {operation['path']} has no value")
        value = copy.deepcopy(operation["value"])
        if op == "test":
            if _read(document, path, default=None) != value:
                raise _refused(f"testing path {operation['path']} value failed")
            return document
        return _write(document, path, value, replace=op == "replace")
    if op == "remove":
        return _remove(document, path)
    if op in ("copy", "move"):
        origin = _pointer(str(operation.get("from", "")))
        value = copy.deepcopy(_read(document, origin))
        return _write(_remove(document, origin) if op == "move" else document, path, value, replace=False)
    raise bad_request(
        f"unknown JSON patch operation {op!r}; known are add, remove, replace, move, copy, test"
    )


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise bad_request(f"JSON pointer {text!r} must begin with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _refused(why: str) -> ApiError:
    return ApiError(422, "Invalid", f"the server rejected our request due to an error in our request: {why}")


def _child(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part, _MISSING)
    if isinstance(value, list) and _INDEX.fullmatch(part) and int(part) < len(value):
        return value[int(part)]
    return _MISSING


def _read(document: Any, path: list[str], *, default: Any = _MISSING) -> Any:
    for part in path:
        document = _child(document, part)
        if document is _MISSING:
            if default is _MISSING:
                raise _refused(f"the path /{'/'.join(path)} does not exist")
            return default
    return document


def _write(document: Any, path: list[str], value: Any, *, replace: bool) -> Any:
    if not path:
        return value
    parent, last = _read(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        if replace and last not in parent:
            raise _refused(f"replace operation does not apply: doc is missing key: /{'/'.join(path)}")
        parent[last] = value
    elif isinstance(parent, list):
        index = len(parent) if last == "-" and not replace else int(last) if _INDEX.fullmatch(last) else -1
        if not 0 <= index <= len(parent) - replace:
            raise _refused(f"the index {last} is outside the list /{'/'.join(path[:-1])}")
        parent[index : index + replace] = [value]
    else:
        raise _refused(f"/{'/'.join(path[:-1])} is neither an object nor a list")
    return document


def _remove(document: Any, path: list[str]) -> Any:
    parent, last = _read(document, path[:-1]), path[-1] if path else ""
    if _child(parent, last) is _MISSING:
        raise _refused(f"remove operation does not apply: doc is missing path: /{'/'.join(path)}")
    if isinstance(parent, dict):
        del parent[last]
    else:
        del parent[int(last)]
    return document
