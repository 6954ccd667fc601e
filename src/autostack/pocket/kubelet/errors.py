"""Why a container or pod does not run. The type is the decision.

PocketError
├── ConfigError     CreateContainerConfigError: wait until what it names exists
├── MountError      the pod waits in ContainerCreating, with an Event FailedMount
└── StartError      the program can't be started: counts as a failed run of the container
"""

from __future__ import annotations

from autostack.pocket.errors import PocketError


class ConfigError(PocketError):
    """Something the container's configuration refers to is missing or not possible here."""


class MountError(PocketError):
    """A volume can't be provided now."""


class StartError(PocketError):
    """The sandbox or the program in it could not be started."""
