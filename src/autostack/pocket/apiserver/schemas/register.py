"""What becomes of each field: the register beside this file, and the tables of what is refused or warned of.

The server does not read it: a test holds it against the schemas, so that a field of a newer Kubernetes can't
be ignored in silence, and `docs/pocket-fields.md` is made from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from autostack.pocket.apiserver import unimplemented
from autostack.pocket.apiserver.kinds import built_in
from autostack.pocket.apiserver.registry import schema_of
from autostack.pocket.apiserver.schemas import definitions

REGISTER = Path(__file__).with_name("fields.yaml")
PREFIXES = (
    "io.k8s.api.",
    "io.k8s.apimachinery.pkg.apis.",
    "io.k8s.apiextensions-apiserver.pkg.apis.",
)
BODIES = (
    "io.k8s.api.autoscaling.v1.Scale",
    "io.k8s.api.policy.v1.Eviction",
    "io.k8s.api.authentication.v1.TokenRequest",
    "io.k8s.api.core.v1.Binding",
)
"""What is written to subresources and is no kind of its own."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One definition's fields by verdict; the reasons by field where there are any."""

    implemented: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
    granted: dict[str, str] = field(default_factory=dict)
    reported: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    warned: dict[str, str] = field(default_factory=dict)

    def all(self) -> list[str]:
        """Every field that has a verdict; one with two of them stands twice."""
        reasons = (self.granted, self.reported, self.refused, self.warned)
        return sorted([*self.implemented, *self.recorded, *(name for one in reasons for name in one)])


def short(name: str) -> str:
    """`core.v1.PodSpec`."""
    return next((name.removeprefix(prefix) for prefix in PREFIXES if name.startswith(prefix)), name)


def register() -> dict[str, Verdicts]:
    """Everything that has a verdict, by the definition's short name."""
    written: dict[str, dict[str, Any]] = yaml.safe_load(REGISTER.read_text())
    refused = {short(name): _whys(gaps) for name, gaps in unimplemented.REFUSED.items()}
    warned = {short(name): _whys(gaps) for name, gaps in unimplemented.WARNED.items()}
    found = {}
    for name in sorted({*written, *refused, *warned}):
        by_verdict = written.get(name, {})
        found[name] = Verdicts(
            tuple(by_verdict.get("implemented", "").split()),
            tuple(by_verdict.get("recorded", "").split()),
            _spread(by_verdict.get("granted", {})),
            _spread(by_verdict.get("reported", {})),
            refused.get(name, {}),
            warned.get(name, {}),
        )
    return found


def _whys(gaps: dict[str, unimplemented.Gap]) -> dict[str, str]:
    return {name: gap.why for name, gap in gaps.items()}


def _spread(reasons: dict[str, str]) -> dict[str, str]:
    return {name: why for names, why in reasons.items() for name in names.split()}


def served_fields() -> dict[str, list[str]]:
    """The fields of every definition that a served kind leads to through fields that are implemented."""
    known = register()
    found: dict[str, list[str]] = {}
    written = (schema_of(kind) for kind in built_in() if "create" in kind.verbs)
    waiting = [*BODIES, *(name for schema in written if (name := schema.get("$ref")))]
    while waiting:
        name = waiting.pop()
        properties = definitions()[name].get("properties", {})
        if short(name) in found or not properties:
            continue
        found[short(name)] = sorted(properties)
        followed = known.get(short(name), Verdicts()).implemented
        waiting.extend(
            reference for key in followed if key in properties for reference in _references(properties[key])
        )
    return found


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)


PAGE = """# Fields that a pocket cluster does not act on

Generated from the code by `{refresh}`. Every other field of the kinds that
are served is implemented, or only recorded (status, what people read). A test holds it to the schemas.
"""
SECTIONS = (
    ("refused", "Refused with 422", "Running without it would be something else than was asked for."),
    (
        "warned",
        "Stored with a Warning",
        "`kubectl` prints it; the object works, but this field has no effect.",
    ),
    ("reported", "Reported later", "Where nobody can know it earlier than the node or a controller."),
    ("granted", "Holds anyway", "What the field asks for is so on every pocket cluster."),
)


def page(refresh: str) -> str:
    """The page, in Markdown."""
    lines, known = [PAGE.format(refresh=refresh)], register()
    for verdict, title, meaning in SECTIONS:
        lines += [f"## {title}", "", meaning, "", "| fields | why or how |", "|---|---|"]
        for name, verdicts in known.items():
            by_reason: dict[str, list[str]] = {}
            for key, why in sorted(getattr(verdicts, verdict).items()):
                by_reason.setdefault(why, []).append(f"`{key}`")
            lines += [f"| `{name}`: {', '.join(keys)} | {why} |" for why, keys in by_reason.items()]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"
