"""What can go wrong while the system is brought up.

AutostackError
└── StepError      a step failed: its name, the cause, where the log is, what to do
"""

from __future__ import annotations

from autostack.errors import AutostackError


class StepError(AutostackError):
    """One step of `up` failed; what was done before stays, and `up` goes on from there."""

    def __init__(self, step: str, cause: str, *, log: str = "", remedy: str = "") -> None:
        parts = [f"{step}: {cause}"]
        if log:
            parts.append(f"the log is {log}")
        if remedy:
            parts.append(remedy)
        super().__init__("; ".join(parts))
