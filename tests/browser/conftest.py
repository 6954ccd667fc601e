"""The browser and what it looks at, for the tests of this folder."""

from harness.browser import chromium, open_tab
from harness.result_pages import result_pages

__all__ = ["chromium", "open_tab", "result_pages"]
