"""list: the objects of a kind that selectors choose, in pages when asked.

A continued list is read from the present state, but reports the resourceVersion of its first page: a watch
from there sees everything that the pages may have missed. When that revision is compacted, the continuation
is 410.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

import msgspec

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.selectors import predicate
from autostack.pocket.errors import ApiError, bad_request, gone, wrong_option
from autostack.pocket.store.entry import Entry

_NUMBER = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Page:
    """One page; `proceed` is the token of the next one, and `remaining` how many objects are after this
    one.
    """

    entries: list[Entry]
    resource_version: str
    proceed: str = ""
    remaining: int | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """A list's query."""

    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    proceed: str = ""
    resource_version: str = ""
    match: str = ""


def list_page(core: Core, call: Call, selection: Selection) -> Page:
    """The chosen objects of the call's namespace (all namespaces when it is empty)."""
    kind = call.kind
    selected = predicate(selection.label_selector, selection.field_selector, kind.storage, kind.selectable)
    entries = core.store.entries(call.kind.storage, call.namespace or None)
    revision = str(core.store.revision)
    refuse_future(core, selection.resource_version)
    if selection.match and not selection.resource_version:
        said = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        raise wrong_option("ListOptions", "resourceVersionMatch", said, "Forbidden")
    if selection.proceed:
        revision, after = _decode(selection.proceed)
        if int(revision) < core.store.watchers.history.complete_since:
            raise gone(
                "The provided continue parameter is too old to display a consistent list result. You "
                "must start a new list without it."
            )
        entries = [entry for entry in entries if (entry.key.namespace, entry.key.name) > after]
    if selected is not None:
        entries = [entry for entry in entries if selected(entry.object)]
    if selection.limit and len(entries) > selection.limit:
        page = entries[: selection.limit]
        last = page[-1].key
        token = base64.urlsafe_b64encode(msgspec.json.encode([revision, last.namespace, last.name])).decode()
        remaining = None if selected else len(entries) - selection.limit
        return Page(page, revision, token, remaining)
    return Page(entries, revision)


def _decode(token: str) -> tuple[str, tuple[str, str]]:
    try:
        revision, namespace, name = msgspec.json.decode(base64.urlsafe_b64decode(token))
        return str(int(revision)), (str(namespace), str(name))
    except (ValueError, TypeError, binascii.Error, msgspec.DecodeError):
        raise bad_request("continue key is not valid: it must be the token of the page before") from None


def refuse_future(core: Core, resource_version: str) -> None:
    """Raise 400 for a version that is no number, 504 for one that has not happened, as Kubernetes does."""
    if not resource_version:
        return
    if not _NUMBER.fullmatch(resource_version):
        raise bad_request(
            f"invalid resource version {resource_version!r}: it must be a number from this server"
        )
    if int(resource_version) > core.store.revision:
        raise ApiError(
            504,
            "Timeout",
            f"Too large resource version: {resource_version}, current: {core.store.revision}",
            {
                "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                "retryAfterSeconds": 1,
            },
        )
