"""The configuration folder made equal to a configuration: each file whole, strays removed."""

from __future__ import annotations

from pathlib import Path

from autostack.observability.configuration import Configuration


def write_configuration(wanted: Configuration, folder: Path) -> bool:
    """Write what differs; returns whether anything did. prometheus.yml comes last, after the rules that it
    names.
    """
    changed = False
    for name, content in sorted(wanted.files.items(), key=lambda one: one[0] == "prometheus.yml"):
        path = folder / name
        if path.is_file() and path.read_text() == content:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_text(content)
        fresh.replace(path)
        changed = True
    for path in (folder / "rules").glob("*.yaml"):
        if f"rules/{path.name}" not in wanted.files:
            path.unlink()
            changed = True
    return changed
