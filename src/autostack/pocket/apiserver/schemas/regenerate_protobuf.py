"""Condense Kubernetes' .proto files into the field numbers that request bodies are decoded by.

`python -m autostack.pocket.apiserver.schemas.regenerate_protobuf DIR…`, where the directories are checkouts
of kubernetes/api and kubernetes/apimachinery at the version that `regenerate` names. Only messages
reachable from served kinds are kept.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from autostack.pocket.apiserver.kinds import built_in
from autostack.pocket.apiserver.schemas.regenerate import HERE, pack

MESSAGE = re.compile(r"^message (\w+) \{(.*?)^\}", re.DOTALL | re.MULTILINE)
FIELD = re.compile(
    r"^  (optional|required|repeated|map<(\w+), ([\w.]+)>) ?([\w.]+)? (\w+) = (\d+)", re.MULTILINE
)
MAP_FIELD = re.compile(r"^  map<(\w+), ([\w.]+)> (\w+) = (\d+)", re.MULTILINE)
ONE, MANY, MAP = 0, 1, 2
EXTRA = (
    "policy.v1.Eviction",
    "authentication.v1.TokenRequest",
    "meta.v1.DeleteOptions",
    "autoscaling.v1.Scale",
    "core.v1.Binding",
)
SCALARS = ("string", "bytes", "bool", "int32", "int64", "uint32", "uint64", "double")
Messages = dict[str, dict[str, list[object]]]


def short(package: str, name: str) -> str:
    """`k8s.io.api.core.v1` and `Pod`, or a full reference, as `core.v1.Pod`."""
    full = name.lstrip(".") if "." in name else f"{package}.{name}"
    return re.sub(r"^k8s\.io\.(api|apimachinery\.pkg(\.(apis|api|util))?)\.", "", full)


def read(file: Path) -> Messages:
    """The messages of one .proto file."""
    text = file.read_text()
    package = re.search(r"^package ([\w.]+);", text, re.MULTILINE)
    if package is None:
        return {}
    found: Messages = {}
    for name, body in MESSAGE.findall(text):
        fields: dict[str, list[object]] = {}
        for label, _, _, kind, field, number in FIELD.findall(body):
            if not label.startswith("map"):
                named = kind if kind in SCALARS else short(package[1], kind)
                fields[number] = [field, named, MANY if label == "repeated" else ONE]
        for _, kind, field, number in MAP_FIELD.findall(body):
            fields[number] = [field, kind if kind in SCALARS else short(package[1], kind), MAP]
        found[short(package[1], name)] = fields
    return found


def main() -> None:
    """Write protobuf.json.gz."""
    messages: Messages = {}
    for folder in sys.argv[1:]:
        for file in Path(folder).rglob("generated.proto"):
            messages.update(read(file))
    waiting = [f"{kind.group.split('.')[0] or 'core'}.{kind.version}.{kind.kind}" for kind in built_in()]
    kept: Messages = {}
    for name in (*waiting, *EXTRA):
        _keep(name, messages, kept)
    content = pack(kept)
    (HERE / "protobuf.json.gz").write_bytes(content)
    sys.stdout.write(f"{len(kept)} messages, {len(content)} bytes\n")


def _keep(name: str, messages: Messages, kept: Messages) -> None:
    if name in kept or name not in messages:
        return
    kept[name] = messages[name]
    for _, kind, _ in messages[name].values():
        _keep(str(kind), messages, kept)


if __name__ == "__main__":
    main()
