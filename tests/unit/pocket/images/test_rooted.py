"""Trees with hostile symlinks: whoever works on them stays inside."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from autostack.pocket.images import rooted
from autostack.pocket.images.errors import PullError
from autostack.pocket.images.image import Image
from autostack.pocket.images.layout import Layer
from autostack.pocket.images.unpack import unpacked
from autostack.pocket.kubelet.errors import MountError, StartError
from autostack.pocket.kubelet.sandbox import Mount
from autostack.pocket.kubelet.userland import accounts, add_account, make_root
from autostack.pocket.kubelet.volumes import mount_of


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder of the host with a secret, which must be neither read nor changed."""
    folder = tmp_path / "host"
    folder.mkdir()
    for name in ("passwd", "hosts", "shadow"):
        (folder / name).write_text("root:secret:0:0::/root:/bin/sh\n")
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


def untouched(host: Path) -> bool:
    return {path.name: path.read_text() for path in host.iterdir()} == dict.fromkeys(
        ("passwd", "hosts", "shadow"), "root:secret:0:0::/root:/bin/sh\n"
    )


@pytest.mark.parametrize(
    ("link", "path", "found"),
    [
        ("/usr", "link/bin", "usr/bin"),
        ("../../../usr", "link/bin", "usr/bin"),
        ("usr/../var", "/link", "var"),
        ("usr", "link/../../../etc", "etc"),
    ],
)
def test_symlinks_lead_to_places_of_the_tree(tree: Path, link: str, path: str, found: str) -> None:
    (tree / "link").symlink_to(link)
    assert rooted.resolved(tree, path) == tree / found


def test_the_last_part_of_an_entry_is_not_followed(tree: Path) -> None:
    (tree / "folder").symlink_to("/real")
    (tree / "link").symlink_to("/real")
    assert rooted.entry(tree, "folder/link") == tree / "real/link"
    assert rooted.entry(tree, "link") == tree / "link"


def test_a_circle_of_symlinks_is_an_error(tree: Path) -> None:
    (tree / "a").symlink_to("b")
    (tree / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        rooted.folder(tree, "a/x")


def test_symlinks_that_double_at_each_step_are_an_error_at_once(tree: Path) -> None:
    (tree / "0").mkdir()
    for number in range(1, 39):
        (tree / str(number)).symlink_to(f"{number - 1}/../{number - 1}")
    with pytest.raises(OSError, match="symbolic links"):
        rooted.resolved(tree, "38")


def test_a_volume_mounted_below_a_symlink_makes_nothing_outside(
    tmp_path: Path, tree: Path, host: Path
) -> None:
    (tree / "bin").mkdir()
    (tree / "data").symlink_to(host)
    (tree / "wd").symlink_to(host)
    image = Image("", "", tree=tree, brings_userland=True)
    mount = Mount(str(host), "/data/new")
    make_root(tmp_path / "root", image, read_only=False, working_dir="/wd/../../deep", mounts=[mount])
    assert untouched(host)
    assert not (tmp_path / "deep").exists()


def test_an_image_whose_etc_is_a_symlink_reads_and_changes_nothing_of_the_host(
    tmp_path: Path, tree: Path, host: Path
) -> None:
    (tree / "bin").mkdir()
    (tree / "etc").symlink_to(host)
    image = Image("", "", tree=tree, brings_userland=True)
    assert "secret" not in accounts(image)
    root, _ = make_root(tmp_path / "root", image, read_only=False, working_dir="/", mounts=[])
    add_account(root, accounts(image), uid=1000, gid=1000)
    assert untouched(host)


@pytest.mark.parametrize("name", ["etc", "home", "var"])
def test_an_image_without_a_userland_can_not_lay_a_symlink_over_a_shared_folder(
    tmp_path: Path, tree: Path, host: Path, name: str
) -> None:
    (tree / name).symlink_to(host)
    with pytest.raises(StartError, match=f"/{name} is not a folder"):
        make_root(tmp_path / "root", Image("", "", tree=tree), read_only=False, working_dir="/", mounts=[])


def test_a_sub_path_through_a_symlink_of_a_pod_makes_nothing_outside(tree: Path, host: Path) -> None:
    (tree / "link").symlink_to(host)
    with pytest.raises(MountError, match="leaves the volume"):
        mount_of({"mountPath": "/x"}, tree, read_only=False, sub_path="link/new")
    assert untouched(host)


@pytest.mark.parametrize("path", ["../../x", "/../x", "x", "/a/../x"])
def test_a_mount_path_is_inside_the_container(tree: Path, path: str) -> None:
    assert mount_of({"mountPath": path}, tree, read_only=False, sub_path="").target == "/x"


@pytest.mark.parametrize("name", [".wh...", "a/.wh..", "a/.wh."])
def test_a_whiteout_of_no_entry_is_refused(tmp_path: Path, name: str) -> None:
    other = tmp_path / "cache/other-image"
    other.mkdir(parents=True)
    with pytest.raises(PullError, match="names no entry"):
        unpacked(tmp_path / "cache", [_layer(tmp_path, tarfile.TarInfo(name))])
    assert other.is_dir()


@pytest.mark.parametrize("target", ["../../host/shadow", "/host/shadow", "link"])
def test_a_hard_link_out_of_the_image_is_refused(tmp_path: Path, host: Path, target: str) -> None:
    link, hard = tarfile.TarInfo("link"), tarfile.TarInfo("mine")
    link.type, link.linkname = tarfile.SYMTYPE, str(host / "shadow")
    hard.type, hard.linkname = tarfile.LNKTYPE, target
    with pytest.raises(PullError, match="names no file of the image"):
        unpacked(tmp_path / "cache", [_layer(tmp_path, link, hard)])


def _layer(folder: Path, *members: tarfile.TarInfo) -> Layer:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for member in members:
            tar.addfile(member)
    path = folder / "layer.tar"
    path.write_bytes(archive.getvalue())
    return Layer(f"sha256:{hashlib.sha256(archive.getvalue()).hexdigest()}", path)
