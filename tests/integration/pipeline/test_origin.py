"""The local origin is made of a checkout, whole, and without changing it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autostack.pipeline.errors import PipelineError
from autostack.pipeline.git import Repository
from autostack.pipeline.origin import create_origin
from autostack.pipeline.places import Places

from .conftest import Checkout


def origin_of(checkout: Path, tmp_path: Path) -> Repository:
    return create_origin(checkout, Places(tmp_path / "cluster", tmp_path / "cache"))


def test_the_origin_has_the_checkouts_head_as_main_however_that_is_kept(
    checkout: Checkout, tmp_path: Path
) -> None:
    checkout.repository.run("repack", "-adq")
    checkout.write("later.txt", "a loose object\n")
    head = checkout.commit("Go on")
    checkout.repository.run("checkout", "--quiet", "--detach")
    origin = origin_of(checkout.folder, tmp_path)
    shutil.rmtree(checkout.folder)
    assert origin.commit("refs/heads/main") == head
    assert origin.text("branch", "--format=%(refname)") == "refs/heads/main"
    origin.run("fsck", "--full", "--strict")


def test_objects_that_the_checkout_borrows_are_in_the_origin(checkout: Checkout, tmp_path: Path) -> None:
    borrowing = tmp_path / "borrowing"
    checkout.repository.run("clone", "--quiet", "--shared", str(checkout.folder), str(borrowing))
    origin = origin_of(borrowing, tmp_path)
    shutil.rmtree(checkout.folder)
    assert origin.commit("refs/heads/main") == Repository(borrowing).text("rev-parse", "HEAD")
    origin.run("fsck", "--full", "--strict")


def test_a_shallow_checkout_is_refused_with_what_to_do(checkout: Checkout, tmp_path: Path) -> None:
    checkout.write("later.txt", "1\n")
    checkout.commit("Go on")
    shallow = tmp_path / "shallow"
    checkout.repository.run("clone", "--quiet", "--depth", "1", f"file://{checkout.folder}", str(shallow))
    with pytest.raises(PipelineError, match="git fetch --unshallow"):
        origin_of(shallow, tmp_path)
    Repository(shallow).run("fetch", "--quiet", "--unshallow")
    assert origin_of(shallow, tmp_path).tree("main").keys() == checkout.repository.tree("main").keys()
