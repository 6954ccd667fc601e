"""Label selectors as Prometheus relabelling. Pure.

A label's value and its presence are two meta labels (`…_label_x`, `…_labelpresent_x`), so "is absent" and "is
empty" stay apart, as in Kubernetes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from autostack.observability.errors import UnsupportedError

Relabelling = dict[str, Any]


def selector_relabellings(selector: Mapping[str, Any], prefix: str) -> list[Relabelling]:
    """Keep what the selector selects; `prefix` is `__meta_kubernetes_service` or `…_pod`. Raises
    UnsupportedError.
    """
    rules = [
        _rule("keep", prefix, label, re.escape(value))
        for label, value in sorted((selector.get("matchLabels") or {}).items())
    ]
    for expression in selector.get("matchExpressions") or ():
        label, operator = expression["key"], expression["operator"]
        values = "|".join(re.escape(value) for value in expression.get("values") or ())
        match operator:
            case "In":
                rules.append(_rule("keep", prefix, label, f"({values})"))
            case "NotIn":
                rules.append(_rule("drop", prefix, label, f"({values})"))
            case "Exists":
                rules.append(_rule("keep", prefix, label, ".*"))
            case "DoesNotExist":
                rules.append(_rule("drop", prefix, label, ".*"))
            case _:
                raise UnsupportedError(f"selector operator {operator!r} is none of Kubernetes'")
    return rules


def meta_name(label: str) -> str:
    """A label's name inside a meta label: everything but letters, digits and underscores becomes an
    underscore.
    """
    return re.sub(r"[^a-zA-Z0-9_]", "_", label)


def _rule(action: str, prefix: str, label: str, value: str) -> Relabelling:
    name = meta_name(label)
    return {
        "action": action,
        "source_labels": [f"{prefix}_label_{name}", f"{prefix}_labelpresent_{name}"],
        "regex": f"{value};true",
    }
