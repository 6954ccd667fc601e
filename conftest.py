"""Fixtures for everything that crosses packages; the services' own tests get them by the same plugin."""

from hypothesis import settings

pytest_plugins = ["harness.fixtures"]

settings.register_profile("auto-stack", deadline=None)  # a busy machine is no counterexample
settings.load_profile("auto-stack")
