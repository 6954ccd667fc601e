"""The fixtures of these tests."""

from harness.gitops_loop import loop as loop
from harness.pocket_api import pocket_https as pocket_https
