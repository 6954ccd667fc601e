"""One whole system for all end-to-end tests: each leaves it synced and healthy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.stack import Stack


@pytest.fixture(scope="session")
def running() -> Iterator[Stack]:
    """A system that is up."""
    stack = Stack.create()
    try:
        stack.up()
        yield stack
    finally:
        stack.remove()


@pytest.fixture
def stack(running: Stack) -> Stack:
    """The system, healthy at the test's begin."""
    running.wait_until_good()
    return running


@pytest.fixture
def clone(stack: Stack, tmp_path: Path) -> Path:
    """A developer's clone of the origin."""
    return stack.clone(tmp_path / "clone")
