"""Images as others see them: readable by skopeo, reproducible, able to start, described by an SBOM."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autostack.pipeline.errors import BuildError, RegistryError, TagTakenError, WorkspaceError
from autostack.pipeline.images.build import BuiltImage, build_image, push_image
from autostack.pipeline.images.document import SBOM
from autostack.pipeline.images.layout import Layout


@pytest.fixture
def registry(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "registry" / "ghcr.io" / "auto-stack" / "back-end")


@pytest.fixture
def built(checkout, registry: Layout, layer_cache: Path) -> BuiltImage:
    staging = Layout(registry.folder.with_name("staging"))
    image = build_image(checkout.repository, "HEAD", "back-end", "v0.1", layout=staging, cache=layer_cache)
    push_image(image, staging, registry)
    return image


def skopeo(*arguments: str) -> str:
    return subprocess.run(["skopeo", *arguments], capture_output=True, text=True, check=True).stdout


def test_skopeo_reads_the_layout_and_copies_the_image(
    built: BuiltImage, registry: Layout, tmp_path: Path
) -> None:
    seen = json.loads(skopeo("inspect", f"oci:{registry.folder}:v0.1"))
    assert seen["Digest"] == built.digest
    assert seen["Labels"]["org.opencontainers.image.revision"] == built.subject.revision
    assert seen["Created"] == built.subject.created
    config = json.loads(skopeo("inspect", "--config", f"oci:{registry.folder}:v0.1"))["config"]
    assert config["Entrypoint"] == ["python", "-m", "back_end"]
    assert config["User"] == "65532:65532"
    assert {"APP_VERSION=v0.1", f"GIT_REVISION={built.subject.revision}"} <= set(config["Env"])
    skopeo("copy", "--quiet", f"oci:{registry.folder}:v0.1", f"dir:{tmp_path / 'copy'}")


def test_the_image_starts_from_its_files_alone(built: BuiltImage, registry: Layout, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for layer in registry.json(built.digest)["layers"]:
        root.mkdir(exist_ok=True)
        subprocess.run(["tar", "-xf", registry.path(layer["digest"]), "-C", root], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "back_end"],
        env={"PYTHONPATH": f"{root}/app/src:{root}/app/site-packages", "PYTHONNOUSERSITE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "back-end hello\n"
    assert (root / "app/site-packages/h11/__init__.py").exists()
    assert list((root / "app/site-packages/h11/__pycache__").glob("*.pyc"))


def test_the_same_commit_gives_the_same_digest_from_another_clone_and_a_cold_cache(
    checkout, built: BuiltImage, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    checkout.repository.run("clone", "--quiet", str(checkout.folder), str(clone))
    again = build_image(
        type(checkout.repository)(clone),
        "HEAD",
        "back-end",
        "v0.1",
        layout=Layout(tmp_path / "elsewhere"),
        cache=tmp_path / "cold",
    )
    assert (again.manifest, again.sbom) == (built.manifest, built.sbom)


def test_the_sbom_refers_to_the_image_and_lists_what_is_in_it(built: BuiltImage, registry: Layout) -> None:
    (entry,) = [one for one in registry.manifests() if one.get("artifactType") == SBOM]
    artifact = registry.json(entry["digest"])
    assert artifact["subject"]["digest"] == built.digest
    document = registry.json(artifact["layers"][0]["digest"])
    assert document["bomFormat"] == "CycloneDX"
    names = {one["name"]: one for one in document["components"]}
    assert set(names) == {"back-end", "shared-kit", "h11"}
    assert names["h11"]["purl"].startswith("pkg:pypi/h11@")
    assert names["h11"]["hashes"]


def test_a_tag_is_never_moved(built: BuiltImage, checkout, registry: Layout, layer_cache: Path) -> None:
    checkout.edit("back-end/src/back_end/answer.py", "42", "43")
    checkout.commit("Change")
    staging = Layout(registry.folder.with_name("staging"))
    other = build_image(checkout.repository, "HEAD", "back-end", "v0.1", layout=staging, cache=layer_cache)
    with pytest.raises(TagTakenError, match=r"back-end:v0\.1 exists"):
        push_image(other, staging, registry)
    assert registry.tags() == {"v0.1": built.digest}
    push_image(built, staging, registry)  # the same image again is no change


def test_writers_at_once_lose_no_tag(built: BuiltImage, registry: Layout) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: registry.add(built.manifest, tag=f"v1.{n}"), range(24)))
    assert set(registry.tags()) == {"v0.1", *(f"v1.{n}" for n in range(24))}


def test_a_damaged_index_is_an_error_that_names_the_file(built: BuiltImage, registry: Layout) -> None:
    (registry.folder / "index.json").write_text("{")
    with pytest.raises(RegistryError, match=r"index\.json is not an OCI image index"):
        registry.tags()


def test_a_cache_that_was_thrown_away_is_made_again(built: BuiltImage, checkout, tmp_path: Path) -> None:
    cache, layout = tmp_path / "cache", Layout(tmp_path / "layout")
    build_image(checkout.repository, "HEAD", "back-end", "v0.1", layout=layout, cache=cache)
    shutil.rmtree(cache / "blobs")
    again = build_image(checkout.repository, "HEAD", "back-end", "v0.1", layout=layout, cache=cache)
    assert again.digest == built.digest


def test_what_can_not_be_built_says_why(checkout, tmp_path: Path, layer_cache: Path) -> None:
    def build(app: str) -> BuiltImage:
        layout = Layout(tmp_path / "layout")
        return build_image(checkout.repository, "HEAD", app, "v0.1", layout=layout, cache=layer_cache)

    with pytest.raises(WorkspaceError, match="there are: back-end, front-end"):
        build("no-such-app")
    (checkout.folder / "uv.lock").unlink()
    checkout.commit("Lose the lock")
    with pytest.raises(BuildError, match=r"uv\.lock is missing in the commit"):
        build("back-end")
