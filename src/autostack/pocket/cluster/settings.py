"""What a person asked of the cluster at a start: kept, so that a plain start later does the same."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from autostack.pocket.cluster.errors import InvalidStateError


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """`ingress_port`: Traefik's port on 127.0.0.1, or None for a cluster without Traefik."""

    ingress_port: int | None = None


def read_settings(file: Path) -> ClusterSettings:
    """The kept settings, or the defaults; raises InvalidStateError when the file is damaged."""
    try:
        return ClusterSettings(**json.loads(file.read_text()))
    except FileNotFoundError:
        return ClusterSettings()
    except (OSError, ValueError, TypeError) as error:
        raise InvalidStateError(
            f"{file} can't be read ({error}); restore it, or remove it for the defaults"
        ) from error


def write_settings(file: Path, settings: ClusterSettings) -> None:
    """Keep them."""
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(settings)))
    fresh.replace(file)
