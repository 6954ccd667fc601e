"""The fixtures that any test in the repository may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.postgres import PostgresServer


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for the session, for tests that leave it running; make a database of your own in it."""
    server = PostgresServer.create()
    yield server
    server.remove()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that the test may stop, kill and start."""
    server = PostgresServer.create()
    yield server
    server.remove()
