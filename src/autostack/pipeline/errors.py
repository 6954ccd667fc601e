"""What can go wrong in a run, by what follows from it.

PipelineError               exit code 1
├── GitError                git refused or failed
│   └── PushRejectedError   somebody else pushed first: fetch, decide again, retry
├── WorkspaceError          a pyproject, lock or manifest that can't be read as what it should be
├── TestsFailedError        the line stops: nothing is pushed
├── BuildError              an image could not be made
├── TagTakenError           the tag exists with another image: choose the next version, build again
└── RegistryError           the OCI layout is damaged or can't be written
"""

from __future__ import annotations

from autostack.errors import AutostackError


class PipelineError(AutostackError):
    """A run could not do its work."""


class GitError(PipelineError):
    """A git command failed."""


class PushRejectedError(GitError):
    """The branch moved while we worked."""


class WorkspaceError(PipelineError):
    """The repository's own description of itself is unreadable or contradicts itself."""


class TestsFailedError(PipelineError):
    """An application's tests are red."""

    __test__ = False  # pytest takes any class named Test… for a suite


class BuildError(PipelineError):
    """An image could not be built."""


class TagTakenError(PipelineError):
    """The tag exists and names another image; a tag is never overwritten."""


class RegistryError(PipelineError):
    """The registry folder is not what an OCI image layout must be."""
