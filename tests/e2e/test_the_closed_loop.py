"""The story: a push becomes a running version, nothing is lost on the way, and what breaks is healed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from harness.stack import Stack, minor
from harness.waiting import eventually_sync

pytestmark = pytest.mark.timeout(600)

WORKER = "worker-node/src/worker_node/__init__.py"


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def _audit(stack: Stack) -> dict[str, object]:
    """The proof without an attack's length: two kills, short phases, the audit over the whole run."""
    done = stack.run(
        "prove", "--kills", "2", "--baseline", "3", "--recovery", "3", "--within", "60",
        "--out", str(stack.home / "proof.html"), "--json", check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr[-2000:]
    document: dict[str, object] = json.loads(done.stdout)
    return document


def _workloads(stack: Stack) -> dict[str, tuple[str, int]]:
    """Identity and generation of what `up` could have touched."""
    found = stack.objects("deployments,statefulsets", "-A")["items"]
    return {
        f"{one['metadata']['namespace']}/{one['metadata']['name']}": (
            one["metadata"]["uid"],
            one["metadata"]["generation"],
        )
        for one in found
    }


def test_a_push_goes_live_on_all_replicas_and_no_problem_fails(stack: Stack, clone: Path) -> None:
    before = stack.settled_version("worker-node")
    given_up = stack.get("sender", "/ledger")["given_up"]
    _append(clone / WORKER, "# A change that shows in nothing but the version.\n")
    commit = stack.push(clone, "Change the worker").commit
    after = stack.wait_for_version("worker-node", lambda version: minor(version) > minor(before))
    assert minor(after) == minor(before) + 1
    stack.wait_until_good()
    stack.wait_for_traffic(100)
    assert stack.get("sender", "/ledger")["given_up"] == given_up
    (row,) = stack.get("results", f"/api/v1/results?limit=1&version={after}")["results"]
    assert (row["version"], row["revision"]) == (after, commit)
    for page in (f"/results/{row['id']}", "/statistics?window=15m"):
        assert after in stack.page("results", page)
    assert stack.run_of(commit)["state"] == "success"


def test_a_change_of_words_builds_nothing(stack: Stack, clone: Path) -> None:
    before = stack.settled_version("worker-node")
    _append(clone / "docs/contracts.md", "\nOne more word.\n")
    runs = json.loads(stack.run("ci", "runs", "--json").stdout)
    assert "nothing to build" in stack.push(clone, "Say one word more").said
    assert json.loads(stack.run("ci", "runs", "--json").stdout) == runs
    stack.wait_until_good()
    assert stack.settled_version("worker-node") == before


def test_a_red_test_stops_the_line_and_says_so_on_the_commit(stack: Stack, clone: Path) -> None:
    before = stack.settled_version("result-node")
    broken = clone / "result-node/tests/unit/test_red.py"
    broken.write_text("def test_red() -> None:\n    assert False\n")
    stack.git(clone, "add", str(broken))
    commit = stack.push(clone, "Break a test").commit
    assert stack.run_of(commit)["state"] == "failure"
    note = json.loads(
        stack.git(stack.folder / "origin.git", "notes", "--ref", "autostack-ci", "show", commit)
    )
    assert note["state"] == "failure"
    assert stack.settled_version("result-node") == before
    broken.unlink()
    assert stack.run_of(stack.push(clone, "Mend the test").commit)["state"] == "success"
    stack.wait_until_good()


def test_a_version_that_crashes_is_reverted_in_git_while_the_old_one_serves(
    stack: Stack, clone: Path
) -> None:
    before = stack.settled_version("worker-node")
    main = clone / "worker-node/src/worker_node/__main__.py"
    good = main.read_text()
    main.write_text('raise SystemExit("this version does not start")\n')
    commit = stack.push(clone, "Break the start of the worker").commit
    run = stack.run_of(commit)
    assert run["state"] == "success", run
    origin = stack.folder / "origin.git"
    eventually_sync(
        lambda: "Autostack-Revert:" in stack.git(origin, "log", "-5", "--format=%B", "main"),
        within_s=240,
        what="the revert commit",
    )
    stack.wait_until_good()
    assert stack.settled_version("worker-node") == before
    stack.wait_for_traffic(100)
    stack.git(clone, "pull", "-q", "--rebase", "origin", "main")
    main.write_text(good)
    stack.push(clone, "Mend the start of the worker")
    # The broken version's number is used up; it is never given to other bits.
    mended = stack.wait_for_version("worker-node", lambda version: minor(version) > minor(before))
    assert minor(mended) == minor(before) + 2
    stack.wait_until_good()


def test_drift_is_healed_and_data_is_kept(stack: Stack) -> None:
    claims = stack.objects("pvc", "-n", "auto-stack")["items"]
    stack.kubectl("scale", "-n", "auto-stack", "deployment/result-node", "--replicas=1")
    eventually_sync(
        lambda: stack.objects("deployment", "result-node", "-n", "auto-stack")["spec"]["replicas"] == 2,
        within_s=60,
        what="replicas as in Git",
    )
    stack.kubectl("delete", "-n", "auto-stack", "deployment/result-node", "--wait=false")
    stack.wait_until_good()
    eventually_sync(lambda: stack.versions("result-node"), within_s=120, what="result-node back")
    assert {claim["metadata"]["uid"] for claim in stack.objects("pvc", "-n", "auto-stack")["items"]} == {
        claim["metadata"]["uid"] for claim in claims
    }


def test_a_killed_control_plane_comes_back_to_a_rollout_in_flight(stack: Stack, clone: Path) -> None:
    before = stack.settled_version("worker-node")
    _append(clone / WORKER, "# Rolled out over a killed control plane.\n")
    commit = stack.push(clone, "Change the worker again").commit
    assert stack.run_of(commit)["state"] == "success"
    os.kill(stack.control_plane(), signal.SIGKILL)
    stack.run("cluster", "start")
    after = stack.wait_for_version("worker-node", lambda version: minor(version) > minor(before))
    assert minor(after) == minor(before) + 1
    stack.wait_until_good()
    stack.wait_for_traffic(100)


def test_the_proof_holds_over_everything_that_happened(stack: Stack) -> None:
    proof = _audit(stack)
    assert proof["proved"], proof["findings"]
    assert "<svg" in (stack.home / "proof.html").read_text()


def _sql(stack: Stack, statement: str) -> str:
    """As the owner of the database, behind the worker's back."""
    psql = ("psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-h", "/tmp", "-U", "autostack_owner", "autostack")
    return stack.kubectl("exec", "-n", "auto-stack", "postgres-0", "--", *psql, "-c", statement).strip()


def _findings(stack: Stack) -> tuple[int, set[str]]:
    """The exit code of an audit without an attack, and what does not hold."""
    options = ("--kills", "0", "--baseline", "2", "--recovery", "2", "--json")
    done = stack.run("prove", *options, "--out", str(stack.home / "audit.html"), check=False)
    assert done.stdout, done.stderr[-2000:]
    return done.returncode, {one["name"] for one in json.loads(done.stdout)["findings"] if not one["holds"]}


def test_an_answer_that_is_lost_or_wrong_is_found_and_fails_the_proof(stack: Stack) -> None:
    """A worker that acknowledged without storing, or that cannot count, leaves a table like this."""
    stack.wait_for_traffic(50)
    assert _findings(stack) == (0, set())
    _sql(
        stack,
        "CREATE TABLE kept AS SELECT * FROM results WHERE status = 'ok'"
        " AND created_at < now() - interval '3 s' ORDER BY id DESC LIMIT 2",
    )
    lost, wrong = _sql(stack, "SELECT id FROM kept ORDER BY id").splitlines()
    try:
        _sql(stack, "DELETE FROM results WHERE id = (SELECT id FROM kept ORDER BY id LIMIT 1)")
        _sql(stack, "UPDATE results SET result = result || '1' WHERE id IN (SELECT id FROM kept)")
        assert _findings(stack) == (1, {"nothing acknowledged is lost", "every answer is right"})
        report = (stack.home / "audit.html").read_text()
        assert f"missing: {lost}" in report
        assert f"<li>{wrong}: " in report
    finally:
        _sql(stack, "DELETE FROM results WHERE id IN (SELECT id FROM kept)")
        _sql(stack, "INSERT INTO results SELECT * FROM kept; DROP TABLE kept")


def test_up_again_changes_nothing(stack: Stack) -> None:
    before, runs = _workloads(stack), json.loads(stack.run("ci", "runs", "--json").stdout)
    stack.up()
    assert _workloads(stack) == before
    assert len(json.loads(stack.run("ci", "runs", "--json").stdout)) == len(runs)


def test_the_status_says_how_everything_is(stack: Stack) -> None:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = json.loads(stack.run("status", "--json", check=False).stdout)
        return found if found["good"] and found["tps"] and found["p95_s"] else None

    found = eventually_sync(look, within_s=120, what="a good status with figures") or {}
    assert found["cluster"]["name"] == "default"
    assert found["stored_24h"] > 0
    head = stack.git(stack.folder / "origin.git", "rev-parse", "main")
    assert found["last_commit"]["commit"] == head
    assert found["application"]["revision"] == head
    assert found["last_run"]["state"] in ("success", "coalesced")
    versions = {one["name"]: one["version"] for one in found["workloads"]}
    assert versions["worker-node"] == stack.settled_version("worker-node")
    shown = stack.run("status", check=False).stdout  # an autoscaler may be Progressing for a moment again
    for word in ("cluster", "application", "worker-node", "traffic", "stored", "last commit", "last run"):
        assert word in shown


def test_metrics_can_be_queried_through_the_ingress(stack: Stack) -> None:
    for query in (
        "sum(traffic_sender_tps)",
        "histogram_quantile(0.95,sum(rate(worker_calculation_duration_seconds_bucket[1m]))by(le))",
        "count(node_cpu_seconds_total)",
    ):

        def value(query: str = query) -> list[object]:
            found: list[object] = stack.get("prometheus", f"/api/v1/query?query={query}")["data"]["result"]
            return found

        assert eventually_sync(value, within_s=60, what=query)


def test_down_keeps_the_data_and_up_goes_on_with_it(stack: Stack) -> None:
    stack.wait_for_traffic(10)
    before = stack.get("results", "/api/v1/statistics?window=24h")["total"]["answers"]
    assert before > 0
    stack.run("down")
    stack.up()
    assert stack.get("results", "/api/v1/statistics?window=24h")["total"]["answers"] >= before
