"""The plan of a commit, read from Git: the head against what each application's last release was built
from.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from autostack.pipeline.git import Repository
from autostack.pipeline.plan import ASKED_FOR, AppPlan, Plan, Snapshot, plan_app
from autostack.pipeline.releases import Release, parse_releases

_LOG_FORMAT = "%H%x00%(trailers:only,unfold)%x00%x00"


def plan_commit(
    repository: Repository, head: str, *, base: str | None = None, only: Collection[str] = ()
) -> Plan:
    """What `head` asks for. `base` is the state before the push; also where an application never released
    starts.

    `only` names applications that are built whether or not anything changed.
    """
    head = repository.commit(head)
    states = _States(repository)
    now = states.at(head)
    for app in only:
        now.workspace.app(app)
    releases = last_releases(repository, head)
    before = states.at(base) if base and repository.has_commit(base) else None
    apps = []
    for app in only or now.workspace.apps():
        built = states.at(releases[app].source) if app in releases else before
        planned = plan_app(app, now, built, before)
        if planned is None and only:
            planned = AppPlan(app, build=ASKED_FOR)
        if planned is not None:
            apps.append(planned)
    return Plan(head, tuple(apps))


def last_releases(repository: Repository, head: str) -> dict[str, Release]:
    """The last release of each application in the history of `head`; those whose source is not here are
    left out.
    """
    log = repository.text(
        "log", "--format=" + _LOG_FORMAT, "--extended-regexp", "--grep=^Autostack-Bump: ", head
    )
    newest: dict[str, Release] = {}
    for entry in log.split("\0\0"):
        commit, _, trailers = entry.strip().partition("\0")
        for release in parse_releases(trailers, commit):
            if release.app not in newest and repository.has_commit(release.source):
                newest[release.app] = release
    return newest


def is_release(repository: Repository, commit: str) -> bool:
    """Whether the commit is one of the pipeline's own."""
    trailers = repository.text("show", "-s", "--format=%(trailers:only,unfold)", commit)
    return bool(parse_releases(trailers, commit))


@dataclass
class _States:
    """Snapshots by commit, each tree read once."""

    repository: Repository

    def __post_init__(self) -> None:
        self._known: dict[str, Snapshot] = {}

    def at(self, commit: str) -> Snapshot:
        if commit not in self._known:
            self._known[commit] = snapshot(self.repository, commit)
        return self._known[commit]


def snapshot(repository: Repository, commit: str) -> Snapshot:
    """A commit's files, read from the object database when asked for."""
    files = {path: blob.id for path, blob in repository.tree(commit).items()}
    return Snapshot(files, lambda path: repository.read([files[path]])[files[path]])
