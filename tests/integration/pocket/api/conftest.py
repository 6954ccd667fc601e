"""A served API of each test's own."""

from __future__ import annotations

from harness.pocket_api import pocket_api, pocket_https

__all__ = ["pocket_api", "pocket_https"]
