"""What can go wrong between Git and the cluster; the type is the decision.

GitopsError
├── SpecError            what the Application asks for is refused → InvalidSpecError, wait for a change
├── SourceError          no desired state to be had → ComparisonError, last good state stays, look again
│   ├── RepositoryError  clone or fetch failed
│   └── ManifestError    a manifest cannot be read; carries file and line
├── ApiError             the API server said no; carries its Status
│   ├── NotFoundError
│   ├── ConflictError
│   └── GoneError        the watch's resourceVersion is compacted → list again
├── UnreachableError     no answer from the API server → try again with backoff
├── RevertError          the guard could not revert → condition, try again
└── NothingEarlierError  there is nothing to revert to → condition, a person decides
"""

from __future__ import annotations

from autostack.errors import AutostackError

FOREIGN_TEXT_LIMIT = 800


def capped(text: str, limit: int = FOREIGN_TEXT_LIMIT) -> str:
    """Foreign text for a message: its beginning, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


class GitopsError(AutostackError):
    """Anything that GitOps refuses or fails at."""


class SpecError(GitopsError):
    """The Application's spec asks for something that cannot be, or that this controller refuses."""


class SourceError(GitopsError):
    """The desired state cannot be had from Git."""


class RepositoryError(SourceError):
    """The repository does not answer, or has no such revision."""


class ManifestError(SourceError):
    """A manifest cannot be read; the message begins with file:line."""

    def __init__(self, file: str, line: int | None, problem: str) -> None:
        where = file if line is None else f"{file}:{line}"
        super().__init__(f"{where}: {problem}")
        self.file = file
        self.line = line


class ApiError(GitopsError):
    """The API server refused; `reason` is Kubernetes' machine-readable reason."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(capped(message))
        self.code = code
        self.reason = reason


class NotFoundError(ApiError):
    """The object or its kind is not there."""


class ConflictError(ApiError):
    """Someone else changed or created it first."""


class GoneError(ApiError):
    """The resourceVersion is too old to continue a watch from."""


class UnreachableError(GitopsError):
    """The API server does not answer."""

    exit_code = 3


class RevertError(GitopsError):
    """A bump commit could not be reverted now."""


class NothingEarlierError(GitopsError):
    """A bump commit cannot be reverted: there is no branch to push to, or no earlier release was deployed."""
