"""A push to the local origin becomes a release, whatever happens in between."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from autostack.pipeline.planning import last_releases
from autostack.pipeline.runner import NOTES


def test_the_first_run_builds_what_the_manifests_name_and_pins_it(loop) -> None:
    first = loop.initial()
    assert first.state == "success", loop.runs.log(first.number).read_text()
    for app in ("front-end", "back-end"):
        version, digest = loop.image(app)
        assert (version, digest) == ("v0.1", loop.tags(app)["v0.1"])
    again = loop.initial()
    assert (again.state, again.apps) == ("success", {})
    assert loop.initial().number == again.number


def test_a_pushed_change_is_released_at_the_next_version_and_nothing_else_changes(loop) -> None:
    loop.initial()
    before = loop.manifest("front-end")
    loop.checkout.repository.run("pull", "--quiet", "origin", "main")
    loop.checkout.edit("back-end/src/back_end/answer.py", "42", "6 * 7")
    loop.checkout.commit("Say it differently")
    head = loop.push()
    run = loop.ended(head)
    assert (run.state, set(run.apps)) == ("success", {"back-end"}), loop.runs.log(run.number).read_text()
    version, digest = loop.image("back-end")
    assert (version, digest) == ("v0.2", loop.tags("back-end")["v0.2"])
    assert loop.manifest("front-end") == before
    assert "# set by the pipeline" in loop.manifest("back-end")
    bump = loop.origin.text("show", "-s", "--format=%B", run.bump)
    assert f"Autostack-Bump: back-end v0.2 {digest}" in bump
    assert f"Autostack-Source: {head}" in bump
    note = json.loads(loop.origin.text("notes", f"--ref={NOTES}", "show", head))
    assert (note["state"], note["apps"]["back-end"]["version"]) == ("success", "v0.2")


def test_a_red_test_stops_the_line_and_the_fix_releases_what_was_held(loop) -> None:
    loop.initial()
    before = _blobs(loop)
    loop.checkout.edit("back-end/src/back_end/answer.py", "42", "41")
    loop.checkout.edit("front-end/src/front_end/answer.py", "42", "6 * 7")
    loop.checkout.commit("Break one, change the other")
    red = loop.ended(loop.push())
    assert _blobs(loop) == before, "something was built"
    assert red.state == "failure"
    assert {app: one["state"] for app, one in red.apps.items()} == {"back-end": "red", "front-end": "held"}
    assert loop.image("front-end")[0] == loop.image("back-end")[0] == "v0.1"
    assert set(loop.tags("front-end")) == {"v0.1"}
    assert json.loads(loop.origin.text("notes", f"--ref={NOTES}", "show", red.head))["state"] == "failure"

    loop.checkout.edit("back-end/src/back_end/answer.py", "41", "40 + 2")
    loop.checkout.commit("Mend it")
    green = loop.ended(loop.push())
    assert green.state == "success"
    assert loop.image("front-end")[0] == loop.image("back-end")[0] == "v0.2"


def _blobs(loop) -> set[Path]:
    """What was ever built, pushed or not."""
    return {*loop.places.built.glob("*/blobs/*/*"), *loop.places.registry.glob("**/blobs/*/*")}


def test_bringing_the_system_up_again_does_not_release_what_is_red(loop) -> None:
    loop.initial()
    loop.checkout.edit("back-end/src/back_end/answer.py", "42", "41")
    loop.checkout.commit("Break it")
    assert loop.ended(loop.push()).state == "failure"
    assert loop.initial().apps == {}
    shutil.rmtree(loop.places.registry)  # and with the images gone, it is tested before it is built
    loop.checkout.write("README.md", "# More\n")
    loop.checkout.commit("Write")
    loop.push()
    assert loop.initial().state == "failure"
    assert not loop.places.registry.exists()


def test_documents_manifests_and_the_pipelines_own_commits_start_nothing(loop, tmp_path: Path) -> None:
    mine = tmp_path / "gitconfig"  # a user's own hooks must not silence the origin's
    mine.write_text("[core]\n    hooksPath = /nowhere\n")
    loop.initial()
    loop.checkout.repository.run("pull", "--quiet", "origin", "main")
    loop.checkout.write("README.md", "# More\n")
    loop.checkout.edit("k8s-manifests/back-end.yaml", "containerPort: 8000", "containerPort: 8001")
    loop.checkout.commit("Write, and turn a knob")
    pushed = subprocess.run(
        ["git", "push", "origin", "HEAD:main"],
        cwd=loop.checkout.folder,
        env={**os.environ, "GIT_CONFIG_GLOBAL": str(mine)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "remote: Auto-Stack: nothing to build" in pushed.stderr
    assert len(loop.runs.all()) == 1


def test_several_people_push_at_once_and_no_version_is_lost_or_used_twice(loop) -> None:
    loop.initial()
    heads = []
    for turn in range(4):
        app = ("front-end", "back-end")[turn % 2]
        loop.checkout.write(f"{app}/src/{app.replace('-', '_')}/part{turn}.py", f"N = {turn}\n")
        loop.checkout.commit(f"Part {turn}")
        heads.append(loop.push())
    loop.idle()
    runs = [run for run in loop.runs.all() if run.head in heads]
    assert {run.state for run in runs} <= {"success", "coalesced"}
    for app in ("front-end", "back-end"):
        version, digest = loop.image(app)
        tags = loop.tags(app)
        assert tags[version] == digest
        minors = sorted(int(tag.removeprefix("v0.")) for tag in tags)
        assert minors == list(range(1, len(minors) + 1))
        assert version == f"v0.{minors[-1]}"
    released = last_releases(loop.origin, "main")
    newest = {app: released[app].source for app in released}
    for head, app in zip(heads, ("front-end", "back-end") * 2, strict=True):
        assert loop.origin.is_ancestor(head, newest[app])


def test_two_pipelines_at_once_release_each_commit_once(loop) -> None:
    loop.initial()
    loop.checkout.edit("shared-kit/src/shared_kit/__init__.py", "hello", "good day")
    loop.checkout.commit("Be polite")
    command = [sys.executable, "-m", "autostack", "ci", "run", "--cluster", "test"]
    env = os.environ | {"AUTOSTACK_HOME": str(loop.places.cluster.parent.parent)}
    head = loop.push()
    by_hand = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE) for _ in range(2)]
    assert [one.wait(60) for one in by_hand] == [0, 0], [one.communicate() for one in by_hand]
    for one in by_hand:
        one.communicate()
    assert loop.ended(head).state == "success"
    for app in ("front-end", "back-end"):
        assert set(loop.tags(app)) == {"v0.1", "v0.2"}
