"""Each step as a command of its own, as GitHub Actions calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autostack.pipeline.git import Repository


@pytest.fixture
def ci(checkout, tmp_path: Path, layer_cache: Path):
    """Runs `autostack ci` in the sample's checkout and returns (exit code, output, errors)."""
    (tmp_path / "cache").symlink_to(layer_cache)
    env = os.environ | {"AUTOSTACK_HOME": str(tmp_path)}

    def run(*arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "autostack", "ci", *arguments]
        done = subprocess.run(
            command, cwd=checkout.folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    return run


def test_plan_says_what_a_range_touches_and_why(ci, checkout) -> None:
    checkout.edit("shared-kit/src/shared_kit/__init__.py", "hello", "hi")
    checkout.commit("Greet shortly")
    plan = json.loads(ci("plan", "--base", "HEAD~1", "--json"))
    assert plan["build"] == plan["test"] == ["back-end", "front-end"]
    assert plan["reasons"]["back-end"] == ["shared-kit/src/shared_kit/__init__.py"]
    assert ci("plan", "--base", "HEAD") == "nothing to build: no image's inputs have changed\n"


def test_build_then_push_then_bump_is_what_run_does_in_one(ci, checkout, tmp_path: Path) -> None:
    bare = tmp_path / "remote.git"
    checkout.repository.run("clone", "--quiet", "--bare", str(checkout.folder), str(bare))
    checkout.repository.run("remote", "add", "origin", str(bare))
    assert ci("next-version", "back-end", "--taken", "v0.1", "--taken", "v0.4").strip() == "v0.5"
    built = json.loads(ci("build", "back-end", "--version", "v0.5"))
    pushed = json.loads(ci("push", "back-end", "--version", "v0.5"))
    assert pushed == built

    # Somebody pushes in between; the bump goes on top of it.
    other = tmp_path / "other"
    checkout.repository.run("clone", "--quiet", str(bare), str(other))
    (other / "README.md").write_text("# Other\n")
    theirs = Repository(other)
    who = {
        "GIT_AUTHOR_NAME": "o",
        "GIT_AUTHOR_EMAIL": "o@x",
        "GIT_COMMITTER_NAME": "o",
        "GIT_COMMITTER_EMAIL": "o@x",
    }
    theirs.run("commit", "--quiet", "--all", "--message", "Other", env=who)
    theirs.run("push", "--quiet", "origin", "HEAD:main")

    image = f"back-end=v0.5@{built['digest']}"
    commit = ci("bump", "--image", image, "--author", "A Bot <bot@example.com>").strip()
    remote = Repository(bare)
    assert remote.commit("main") == commit
    assert remote.commit("main~1") == theirs.commit("HEAD")
    assert remote.text("show", "-s", "--format=%an <%ae>", commit) == "A Bot <bot@example.com>"
    assert f"back-end:v0.5@{built['digest']}" in remote.text("show", f"{commit}:k8s-manifests/back-end.yaml")
    assert remote.text("diff", "--name-only", f"{commit}~1", commit) == "k8s-manifests/back-end.yaml"
    assert "nothing to set" in ci("bump", "--image", image)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("test", "nope"), "there are: back-end, front-end"),
        (("plan", "--head", "nope"), "there is no commit 'nope'"),
        (("bump", "--image", "back-end"), "must look like worker-node=v0.5@sha256:"),
        (("logs",), "there are no runs yet"),
        (("run",), "`autostack up` makes it"),
        (("push", "back-end", "--version", "v0.9"), "is not built"),
    ],
)
def test_what_can_not_be_done_is_one_line_that_says_why(ci, arguments: tuple[str, ...], words: str) -> None:
    code = {"bump": 2, "run": 3}.get(arguments[0], 1)
    errors = ci(*arguments, code=code)
    assert words in errors
    assert "Traceback" not in errors
    assert len(errors.splitlines()) == 1
