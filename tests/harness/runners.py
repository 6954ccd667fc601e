"""The processes of a pipeline, for tests that kill them."""

from __future__ import annotations

import contextlib
from pathlib import Path

from autostack.pipeline.places import Places
from autostack.pipeline.supervision import supervisors


def workers(places: Places) -> list[int]:
    """The processes that do the runs: the children of the supervisors."""
    found = []
    for pid in supervisors(places):
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
            found += [int(child) for child in children.split()]
    return found
