"""Moments as the Kubernetes API writes them: UTC, whole seconds, RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """The text of a moment."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parsed(text: str) -> datetime:
    """The moment of a text."""
    return datetime.fromisoformat(text)


def age_s(text: str | None, now: datetime) -> float:
    """Seconds since a moment; infinite when there was none."""
    return float("inf") if not text else (now - parsed(text)).total_seconds()
