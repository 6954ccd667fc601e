"""Old versions go, what is in use stays, and the numbers go on."""

from __future__ import annotations

import json
import subprocess

from autostack.pipeline.images.layout import Layout
from autostack.pipeline.tidying import tidy


def release_next(loop, number: int) -> None:
    loop.checkout.repository.run("pull", "--quiet", "origin", "main")
    loop.checkout.write("back-end/src/back_end/part.py", f"N = {number}\n")
    loop.checkout.commit(f"Part {number}")
    assert loop.ended(loop.push()).state == "success"


def test_old_images_and_runs_are_removed_unless_something_refers_to_them(loop, tmp_path) -> None:
    loop.initial()
    for number in (2, 3):
        release_next(loop, number)
    layout = Layout(loop.places.registry / "ghcr.io/auto-stack/back-end")
    before = layout.tags()
    assert set(before) == {"v0.1", "v0.2", "v0.3"}
    # The last commits of the branch name all of them, so all of them stay.
    assert tidy(loop.places, versions=1, runs=2) == []
    assert layout.tags() == before
    assert [run.number for run in loop.runs.all()] == [2, 3]
    assert not loop.runs.log(1).exists()

    layout.keep_only({before["v0.2"], before["v0.3"]}, older_than_s=0)
    assert layout.tags() == {tag: before[tag] for tag in ("v0.2", "v0.3")}
    assert not layout.has(before["v0.1"])
    for tag in ("v0.2", "v0.3"):
        seen = subprocess.run(
            ["skopeo", "inspect", f"oci:{layout.folder}:{tag}"], capture_output=True, text=True, check=True
        )
        assert json.loads(seen.stdout)["Digest"] == before[tag]
        subprocess.run(
            ["skopeo", "copy", "--quiet", f"oci:{layout.folder}:{tag}", f"dir:{tmp_path / tag}"], check=True
        )
    assert len([one for one in layout.manifests() if "artifactType" in one]) == 2

    release_next(loop, 4)
    assert loop.image("back-end")[0] == "v0.4"
    assert loop.runs.all()[-1].number == 4


def test_nothing_is_removed_while_the_cluster_cannot_say_what_it_uses(loop) -> None:
    loop.initial()
    release_next(loop, 2)
    loop.places.kubeconfig.write_text("{}")
    (left,) = tidy(loop.places, versions=1)
    assert "no image is removed from the registry" in left
    assert set(loop.tags("back-end")) == {"v0.1", "v0.2"}


def test_a_blob_that_was_just_stored_stays_though_nothing_names_it_yet(loop) -> None:
    loop.initial()
    layout = Layout(loop.places.registry / "ghcr.io/auto-stack/back-end")
    count = len(list(layout.folder.glob("blobs/sha256/*")))
    assert layout.keep_only(set()) == 0
    assert (layout.tags(), len(list(layout.folder.glob("blobs/sha256/*")))) == ({}, count)
    assert layout.keep_only(set(), older_than_s=0) == count
