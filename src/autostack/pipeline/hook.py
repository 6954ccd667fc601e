"""What a push to the origin does: start a runner, plan, queue, wake the GitOps controller, tell the person.

The push is already accepted when this runs, so nothing here may fail it; whatever goes wrong is one line of
its output. The runner loads while this plans. If this is killed before it has queued the push, the runner
finds that out; a push that not even the runner heard of (power cut) is found by the next one, or by
`autostack ci run`, since what is owed is read from Git and not from the hook's memory.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from autostack.errors import AutostackError
from autostack.pipeline.git import Repository
from autostack.pipeline.notify import request_refresh
from autostack.pipeline.places import BRANCH, Places, places_of
from autostack.pipeline.planning import is_release, plan_commit
from autostack.pipeline.runs import QUEUED, Runs
from autostack.pipeline.supervision import runner_ahead

_ABSENT = "0" * 40


def received(places: Places, lines: Iterable[str]) -> list[str]:
    """Handle the pushed refs (`<old> <new> <ref>` each); returns the lines for the person who pushed."""
    said: list[str] = []
    followed = False
    for line in lines:
        old, new, ref = line.split()
        followed |= ref.startswith(("refs/heads/", "refs/tags/"))
        if ref == f"refs/heads/{BRANCH}" and new != _ABSENT:
            try:
                with runner_ahead(places):
                    said.append(queue_push(places, new, None if old == _ABSENT else old))
            except (AutostackError, OSError) as error:
                said.append(f"no run was queued: {error}")
        elif ref.startswith("refs/heads/") and new != _ABSENT:
            said.append(f"{ref.removeprefix('refs/heads/')} is not {BRANCH}, so nothing runs")
    if followed:  # an Application may follow any branch, or a tag
        said.append(request_refresh(places.kubeconfig))
    return said


def queue_push(places: Places, head: str, base: str | None) -> str:
    """Queue a run for the branch's new commit if it asks for one; returns what will happen."""
    origin = Repository(places.origin)
    if is_release(origin, head):
        return "this is a release of the pipeline; nothing to build"
    plan = plan_commit(origin, head, base=base)
    if not plan.apps:
        return "nothing to build: no image's inputs have changed"
    run = Runs(places.ci).enqueue(head, base)
    what = ", ".join(plan.builds()) or f"the tests of {', '.join(plan.tests())}"
    state = "queued" if run.state == QUEUED else run.state
    return f"run {run.number} {state} for {what}; follow it with: autostack ci logs {run.number} --follow"


if __name__ == "__main__":
    for message in received(places_of(Path(sys.argv[1])), sys.stdin):
        sys.stderr.write(f"Auto-Stack: {message}\n")
