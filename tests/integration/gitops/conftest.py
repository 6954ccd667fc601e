"""The fixtures of these tests."""

from harness.gitops_loop import loop
from harness.pocket_api import pocket_https

__all__ = ["loop", "pocket_https"]
