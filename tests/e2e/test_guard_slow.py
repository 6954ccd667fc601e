"""A version that is healthy by its probes and answers slowly: the guard sees it, and Git rolls it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.stack import Stack, minor
from harness.waiting import eventually_sync

pytestmark = pytest.mark.timeout(1200)

MAIN = "worker-node/src/worker_node/__main__.py"
SERVE = '            run("worker-node", WorkerSettings, build)\n'
SLOW = '            os.environ |= {"FAULT_INJECTION": "1", "FAULT_LATENCY_MS": "3000"}\n'
# A window of the test's own length; and a typing error, which must not switch the guard off.
TUNED = {
    "window": "10s", "breach-for": "2s", "min-requests": "20", "ready-within": "10m", "max-p59": "1s",
}  # fmt: skip


@pytest.fixture
def tuned(stack: Stack) -> Iterator[Stack]:
    """The stack with a guard that looks for a short time."""
    application = ("annotate", "-n", "argocd", "application/auto-stack", "--overwrite")
    before = stack.objects("application", "auto-stack", "-n", "argocd")["metadata"]["annotations"]
    names = {f"guard.autostack.dev/{name}": text for name, text in TUNED.items()}
    stack.kubectl(*application, *(f"{name}={text}" for name, text in names.items()))
    yield stack
    restored = (f"{name}={before[name]}" if name in before else f"{name}-" for name in names)
    stack.kubectl(*application, *restored)


def _warning(stack: Stack) -> str:
    conditions = stack.application().get("conditions") or []
    return next((one["message"] for one in conditions if one["type"] == "ReleaseGuardWarning"), "")


def test_a_version_that_answers_slowly_is_reverted_in_git_and_the_mended_one_stays(
    tuned: Stack, clone: Path
) -> None:
    (before,) = tuned.versions("worker-node")
    eventually_sync(lambda: "max-p59 is unknown" in _warning(tuned), what="the typing error told")
    main = clone / MAIN
    good = main.read_text()
    assert SERVE in good
    main.write_text(good.replace(SERVE, SLOW + SERVE))
    run = tuned.run_of(tuned.push(clone, "Think longer before answering").commit)
    assert run["state"] == "success", run
    broken = run["apps"]["worker-node"]["version"]
    origin = tuned.folder / "origin.git"

    def reverts() -> list[str]:
        log = tuned.git(origin, "log", "-8", "--format=%(trailers:key=Autostack-Revert,valueonly)", "main")
        return [line for line in log.splitlines() if f" worker-node {broken} " in line]

    (why,) = eventually_sync(reverts, within_s=240, what="the revert commit")
    assert "P95" in why
    assert "is over 500 ms" in why
    tuned.wait_for_version("worker-node", lambda version: version == before)
    tuned.wait_until_good()
    eventually_sync(lambda: f"worker-node {broken} was reverted" in _warning(tuned), what="the revert told")
    tuned.git(clone, "pull", "-q", "--rebase", "origin", "main")
    main.write_text(good)
    tuned.push(clone, "Answer at once again")
    mended = tuned.wait_for_version("worker-node", lambda version: minor(version) > minor(broken))
    eventually_sync(lambda: "was reverted" not in _warning(tuned), within_s=60, what="the warning gone")
    tuned.wait_until_good()
    assert tuned.versions("worker-node") == {mended}
    assert len(reverts()) == 1
