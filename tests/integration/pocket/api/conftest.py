"""A served API of each test's own."""

from __future__ import annotations

from harness.pocket_api import pocket_api as pocket_api
from harness.pocket_api import pocket_https as pocket_https
