"""The part of jq that ignoreDifferences is written in: a path, iteration, and select on equality.

`.spec.replicas` · `.spec["a.b"]` · `.items[0]` · `.containers[]` · `.[] | select(.name == "x") | .image`.
Anything else is refused when the Application is read: a wrong guess here would hide a real difference.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<select>\|?\s*select\(\s*(?P<where>(?:\.[A-Za-z_][\w-]*)+)\s*(?P<op>==|!=)\s*(?P<value>"(?:[^"\\]|\\.)*"|-?\d+|true|false|null)\s*\))
    | (?P<pipe>\|)
    | \.?\[\s*"(?P<quoted>(?:[^"\\]|\\.)*)"\s*\]\??
    | \.?\[\s*(?P<index>\d+)\s*\]\??
    | (?P<each>\.?\[\s*\]\??)
    | \."(?P<string>(?:[^"\\]|\\.)*)"\??
    | \.(?P<name>[A-Za-z_][\w]*)\??
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `field` goes into a key or an index, `each` into every element, `select` keeps what
    matches.
    """

    kind: str
    at: str | int = ""
    where: tuple[str, ...] = ()
    equals: bool = True
    value: Any = None


@dataclass(frozen=True, slots=True)
class JqPath:
    """A parsed expression; `paths` applies it to a value."""

    text: str
    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, text: str) -> JqPath:
        """The path; ValueError for what is outside the subset."""
        steps: list[Step] = []
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                raise ValueError(
                    f"{text!r} is beyond the supported part of jq at {text[position:]!r}; "
                    'use a path with [] and select(.x == "y"), or jsonPointers'
                )
            step = _step(match)
            if step is not None:
                steps.append(step)
            position = match.end()
        if not steps:
            raise ValueError(f"{text!r} selects the whole object")
        return cls(text, tuple(steps))

    def paths(self, value: Any) -> list[Path]:
        """The concrete paths in `value` that the expression reaches; a missing branch reaches nothing."""
        reached: list[tuple[Path, Any]] = [((), value)]
        for step in self.steps:
            reached = [following for path, found in reached for following in _follow(step, path, found)]
        return [path for path, _ in reached]


def _step(match: re.Match[str]) -> Step | None:
    groups = match.groupdict()
    if groups["select"]:
        return Step(
            "select",
            where=tuple(groups["where"].strip(".").split(".")),
            equals=groups["op"] == "==",
            value=json.loads(groups["value"]),
        )
    if groups["each"]:
        return Step("each")
    if groups["index"] is not None:
        return Step("field", at=int(groups["index"]))
    for name in ("quoted", "string"):
        if groups[name] is not None:
            return Step("field", at=json.loads(f'"{groups[name]}"'))
    return Step("field", at=groups["name"]) if groups["name"] else None


def _follow(step: Step, path: Path, found: Any) -> list[tuple[Path, Any]]:
    if step.kind == "each":
        if isinstance(found, dict):
            return [((*path, key), item) for key, item in found.items()]
        return [((*path, index), item) for index, item in enumerate(found)] if isinstance(found, list) else []
    if step.kind == "select":
        return [(path, found)] if (_inner(found, step.where) == step.value) is step.equals else []
    if isinstance(step.at, int):
        return (
            [((*path, step.at), found[step.at])] if isinstance(found, list) and step.at < len(found) else []
        )
    return [((*path, step.at), found[step.at])] if isinstance(found, dict) and step.at in found else []


def _inner(value: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
