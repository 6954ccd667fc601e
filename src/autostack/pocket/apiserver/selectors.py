"""Label and field selectors: parsed once, then a predicate over an object. Pure.

The grammar of labels is Kubernetes' (`a=b,c!=d,e in (f,g),h notin (i),j,!k`). Field selectors compare one
field's text with `=`, `==` or `!=`; which fields a kind offers is a table, and another field is refused
rather than ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from autostack.pocket.errors import bad_request

Object = dict[str, Any]
Predicate = Callable[[Object], bool]

_INTEGER = re.compile(r"-?[0-9]{1,19}")
METADATA_FIELDS = ("metadata.name", "metadata.namespace")
FIELDS: dict[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "nodes": ("spec.unschedulable",),
    "secrets": ("type",),
    "namespaces": ("status.phase",),
    "services": ("spec.clusterIP", "spec.type"),
    "replicasets.apps": ("status.replicas",),
    "jobs.batch": ("status.successful",),
    "events": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
}
_TERM = re.compile(
    r"\s*(?:(?P<absent>!)\s*(?P<absent_key>[^\s=!,()]+)"
    r"|(?P<key>[^\s=!,()<>]+)\s*(?:(?P<op>==|=|!=|>|<)\s*(?P<value>[^\s,()]*)"
    r"|\s(?P<set>in|notin)\s*\((?P<values>[^)]*)\))?)\s*(?:,|$)"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term of a label selector; `operator` is In, NotIn, Exists, DoesNotExist, Gt or Lt."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels satisfy the term; a missing label satisfies NotIn and DoesNotExist only."""
        value = labels.get(self.key)
        if self.operator == "In":
            return value is not None and value in self.values
        if self.operator == "NotIn":
            return value is None or value not in self.values
        if self.operator in ("Exists", "DoesNotExist"):
            return (value is not None) == (self.operator == "Exists")
        return value is not None and self._compare(value)

    def _compare(self, value: str) -> bool:
        (bound,) = self.values
        if not _INTEGER.fullmatch(value):
            return False
        return int(value) > int(bound) if self.operator == "Gt" else int(value) < int(bound)


def parse_labels(text: str) -> list[Requirement]:
    """The terms of a label selector; raises ApiError 400."""
    found = []
    position = 0
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None or match.end() == position:
            raise bad_request(
                f"unable to parse requirement: found {text[position : position + 60]!r} in the label selector"
            )
        found.append(_requirement(match))
        position = match.end()
    return found


def _requirement(match: re.Match[str]) -> Requirement:
    if match["absent"]:
        return Requirement(match["absent_key"], "DoesNotExist")
    if match["set"]:
        values = frozenset(word.strip() for word in match["values"].split(","))
        return Requirement(match["key"], "In" if match["set"] == "in" else "NotIn", values)
    if match["op"] in (">", "<"):
        if not _INTEGER.fullmatch(match["value"]):
            raise bad_request(f"for '>' and '<' the value must be an integer: {match['value']!r}")
        return Requirement(match["key"], "Gt" if match["op"] == ">" else "Lt", frozenset({match["value"]}))
    if match["op"]:
        return Requirement(
            match["key"], "NotIn" if match["op"] == "!=" else "In", frozenset({match["value"]})
        )
    return Requirement(match["key"], "Exists")


def from_label_selector(selector: Mapping[str, Any]) -> list[Requirement]:
    """The terms of a LabelSelector (`matchLabels`, `matchExpressions`); an empty one matches all."""
    terms = [
        Requirement(key, "In", frozenset({value})) for key, value in selector.get("matchLabels", {}).items()
    ]
    terms.extend(
        Requirement(term["key"], term["operator"], frozenset(term.get("values", ())))
        for term in selector.get("matchExpressions", ())
    )
    return terms


def field_text(obj: Object, path: str) -> str:
    """A field as its selector sees it: absent is empty, a boolean is `true` or `false`."""
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        value = value.get("component")
    if value is None:
        return "false" if path in ("spec.unschedulable", "spec.hostNetwork") else ""
    return str(value)


def parse_fields(text: str, storage: str, selectable: tuple[str, ...] = ()) -> list[tuple[str, str, bool]]:
    """Terms (path, value, equal) of a field selector; raises ApiError 400 for a field that the kind does
    not offer.
    """
    found = []
    for term in filter(None, (word.strip() for word in text.split(","))):
        path, operator, value = _split_term(term)
        if path not in METADATA_FIELDS and path not in (*FIELDS.get(storage, ()), *selectable):
            raise bad_request(f"field label not supported: {path}")
        found.append((path, value, operator != "!="))
    return found


def _split_term(term: str) -> tuple[str, str, str]:
    for operator in ("!=", "==", "="):
        path, found, value = term.partition(operator)
        if found:
            return path.strip(), operator, value.strip()
    raise bad_request(f"invalid field selector term {term!r}: it must be FIELD=VALUE or FIELD!=VALUE")


def predicate(
    label_selector: str, field_selector: str, storage: str, selectable: tuple[str, ...] = ()
) -> Predicate | None:
    """Whether an object is selected; None when everything is. `selectable` are a custom kind's fields."""
    labels = parse_labels(label_selector)
    fields = parse_fields(field_selector, storage, selectable)
    if not labels and not fields:
        return None

    def selected(obj: Object) -> bool:
        own = obj["metadata"].get("labels") or {}
        return all(term.matches(own) for term in labels) and all(
            (field_text(obj, path) == value) is equal for path, value, equal in fields
        )

    return selected
