"""An API server of each test's own, in memory and without HTTP."""

from __future__ import annotations

from harness.pocket_api import pocket_api

__all__ = ["pocket_api"]
