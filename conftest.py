"""Fixtures for everything that crosses packages; the services' own tests get them by the same plugin."""

pytest_plugins = ["harness.fixtures"]
