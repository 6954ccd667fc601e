"""References, verified layouts and unpacked layers."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autostack.pocket.images.catalogue import find_native
from autostack.pocket.images.errors import InvalidReferenceError, PullError
from autostack.pocket.images.expiry import KEPT_S, remove_unused
from autostack.pocket.images.layout import Layer, read_manifest
from autostack.pocket.images.reference import always_pulled, parse_reference
from autostack.pocket.images.unpack import unpacked

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "repository", "tag", "digest"),
    [
        ("postgres:18", "docker.io/library/postgres", "18", None),
        ("busybox", "docker.io/library/busybox", "latest", None),
        ("prom/prometheus:v2.42.0", "docker.io/prom/prometheus", "v2.42.0", None),
        ("localhost:5000/a/b", "localhost:5000/a/b", "latest", None),
        (f"ghcr.io/auto-stack/worker-node:v0.5@{DIGEST}", "ghcr.io/auto-stack/worker-node", "v0.5", DIGEST),
        (f"quay.io/prometheus/node-exporter@{DIGEST}", "quay.io/prometheus/node-exporter", None, DIGEST),
    ],
)
def test_a_reference_is_read_as_docker_reads_it(
    text: str, repository: str, tag: str | None, digest: str | None
) -> None:
    found = parse_reference(text)
    assert (found.repository, found.tag, found.digest) == (repository, tag, digest)


@pytest.mark.parametrize(
    "text", ["", "UPPER/x", "a b", "x@sha256:12", "x:", "../x", "x//y", "ghcr.io/x:tag!"]
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidReferenceError):
        parse_reference(text)


@given(st.text())
def test_any_text_is_a_reference_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(InvalidReferenceError):
        found = parse_reference(text)
        assert not {"", ".", ".."} & {*found.path.split("/"), *found.host.split("/")}


def test_latest_is_always_looked_up_unless_the_policy_says_otherwise() -> None:
    assert always_pulled(parse_reference("x"), None)
    assert not always_pulled(parse_reference("x:v1"), None)
    assert not always_pulled(parse_reference("x"), "IfNotPresent")
    assert always_pulled(parse_reference("x:v1"), "Always")


@pytest.mark.parametrize(
    "name", ["postgres", "quay.io/prometheus/prometheus", "traefik", "ghcr.io/auto-stack/autostack"]
)
def test_the_catalogue_knows_public_names(name: str) -> None:
    assert find_native(parse_reference(name)) is not None


def test_a_tag_that_is_not_there_is_named(tmp_path: Path) -> None:
    layout = tmp_path / "ghcr.io/x/y"
    layout.mkdir(parents=True)
    (layout / "index.json").write_text(json.dumps({"manifests": []}))
    with pytest.raises(PullError, match="tag 'v9' not found"):
        read_manifest(tmp_path, parse_reference("ghcr.io/x/y:v9"))


def layer(folder: Path, *entries: tuple[str, str | None]) -> Layer:
    """A tar with files (name, content) or folders (name, None)."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, text in entries:
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE if text is None else tarfile.REGTYPE
            info.mode, info.size = 0o755, len(text or "")
            tar.addfile(info, io.BytesIO((text or "").encode()))
    return written(folder, archive.getvalue())


def written(folder: Path, content: bytes) -> Layer:
    digest = hashlib.sha256(content).hexdigest()
    path = folder / digest
    path.write_bytes(content)
    return Layer(f"sha256:{digest}", path)


def test_whiteouts_remove_and_later_layers_win(tmp_path: Path) -> None:
    lower = layer(tmp_path, ("a/one", "1"), ("a/two", "2"), ("b/three", "3"))
    upper = layer(tmp_path, ("a/.wh.one", ""), ("a/two", "new"), ("b/.wh..wh..opq", ""), ("b/four", "4"))
    tree = unpacked(tmp_path / "cache", [lower, upper])
    found = {str(path.relative_to(tree)): path.read_text() for path in tree.rglob("*") if path.is_file()}
    assert found == {"a/two": "new", "b/four": "4"}
    assert unpacked(tmp_path / "cache", [lower, upper]) == tree


def test_a_whiteout_hides_the_lower_layers_only(tmp_path: Path) -> None:
    lower = layer(tmp_path, ("a/one", "1"), ("b/two/three", "3"))
    upper = layer(tmp_path, ("a/one", "again"), ("a/.wh.one", ""), ("b/.wh.two", ""))
    tree = unpacked(tmp_path / "cache", [lower, upper])
    assert (tree / "a/one").read_text() == "again"
    assert list((tree / "b").iterdir()) == []


def test_a_layer_is_unpacked_once_for_all_images_that_have_it(tmp_path: Path) -> None:
    shared = layer(tmp_path, ("lib/one", "1"))
    trees = [
        unpacked(tmp_path / "cache", [shared, layer(tmp_path, ("app", text))]) for text in ("first", "second")
    ]
    shared.path.unlink()
    trees.append(unpacked(tmp_path / "cache", [shared, layer(tmp_path, ("app", "third"))]))
    assert len({(tree / "lib/one").stat().st_ino for tree in trees}) == 1
    assert [(tree / "app").read_text() for tree in trees] == ["first", "second", "third"]


def test_a_folder_takes_the_place_of_a_link_and_a_link_of_a_folder(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        link = tarfile.TarInfo("a")
        link.type, link.linkname = tarfile.SYMTYPE, "b"
        tar.addfile(link)
    linked = written(tmp_path, archive.getvalue())
    folder = layer(tmp_path, ("a/one", "1"))
    tree = unpacked(tmp_path / "cache", [linked, folder])
    assert (tree / "a/one").read_text() == "1"
    assert not (tree / "a").is_symlink()
    assert (unpacked(tmp_path / "cache", [folder, linked]) / "a").is_symlink()


def test_trees_that_were_not_used_for_long_go_and_are_made_again(tmp_path: Path) -> None:
    cache, layers = tmp_path / "cache", [layer(tmp_path, ("app", "1"))]
    trees = [unpacked(cache, layers), unpacked(cache, [*layers, layer(tmp_path, ("app", "2"))])]
    begun = cache / "images/.unpacking-1"
    begun.mkdir()
    now_s = trees[0].stat().st_mtime + KEPT_S + 60
    os.utime(trees[0], (now_s, now_s))
    remove_unused(cache, now_s=now_s)
    assert list(cache.glob("*/*")) == trees[:1]
    assert unpacked(cache, layers) == trees[0]
    assert (unpacked(cache, [*layers, layer(tmp_path, ("app", "2"))]) / "app").read_text() == "2"


def test_a_damaged_layer_is_never_unpacked(tmp_path: Path) -> None:
    good = layer(tmp_path, ("a", "1"))
    good.path.write_bytes(good.path.read_bytes().replace(b"1", b"2"))
    with pytest.raises(PullError, match="is damaged"):
        unpacked(tmp_path / "cache", [good])


def test_an_entry_that_leaves_the_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PullError, match="leaves the image"):
        unpacked(tmp_path / "cache", [layer(tmp_path, ("../evil", "x"))])
    assert list((tmp_path / "cache").glob("*/*")) == []


def test_a_symlink_does_not_lead_out_of_the_tree(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, "/../../" + str(tmp_path)
        tar.addfile(link)
        info = tarfile.TarInfo("out/evil")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    unpacked(tmp_path / "cache", [written(tmp_path, archive.getvalue())])
    assert not (tmp_path / "evil").exists()
