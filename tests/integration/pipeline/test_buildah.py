"""The application's own Dockerfile by a real engine: built, named, read by skopeo, with the same labels."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from autostack.pipeline.builders import build, push_built
from autostack.pipeline.images.build import build_image
from autostack.pipeline.images.document import SBOM
from autostack.pipeline.images.layout import Layout
from autostack.pipeline.places import Places

pytestmark = pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed")


def test_buildah_builds_the_dockerfile_into_the_same_kind_of_layout(checkout, tmp_path) -> None:
    places = Places(tmp_path / "clusters" / "test", tmp_path / "cache")

    def made():
        return build("buildah", checkout.repository, "HEAD", app="back-end", version="v0.5", places=places)

    image = made()
    pushed = push_built(checkout.repository, "HEAD", "back-end", "v0.5", places)
    assert pushed.digest == image.digest
    registry = Layout(places.registry / "ghcr.io/auto-stack/back-end")
    assert registry.tags() == {"v0.5": image.digest}
    (entry,) = [one for one in registry.manifests() if one.get("artifactType") == SBOM]
    assert registry.json(entry["digest"])["subject"]["digest"] == image.digest
    seen = json.loads(
        subprocess.run(
            ["skopeo", "inspect", f"oci:{registry.folder}:v0.5"], capture_output=True, text=True, check=True
        ).stdout
    )
    assert seen["Digest"] == image.digest
    assert seen["Labels"]["org.opencontainers.image.revision"] == checkout.repository.commit("HEAD")
    assert seen["Labels"]["org.opencontainers.image.version"] == "v0.5"
    assert seen["Created"] == image.subject.created
    shutil.rmtree(places.built)
    assert made().digest == image.digest


def test_what_is_built_without_an_engine_can_be_pulled_by_one(checkout, tmp_path, layer_cache) -> None:
    layout = Layout(tmp_path / "layout")
    image = build_image(checkout.repository, "HEAD", "back-end", "v0.1", layout=layout, cache=layer_cache)
    layout.add(image.manifest, tag="v0.1")
    # The same library reads layouts for Podman, and the store is the same.
    store = ("--root", str(tmp_path / "store"), "--runroot", str(tmp_path / "run"), "--storage-driver", "vfs")
    subprocess.run(["buildah", *store, "pull", "--quiet", f"oci:{layout.folder}:v0.1"], check=True)
    listed = subprocess.run(
        ["buildah", *store, "images", "--json"], capture_output=True, text=True, check=True
    ).stdout
    (one,) = json.loads(listed)
    seen = subprocess.run(
        ["buildah", *store, "inspect", "--type", "image", one["id"]],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert json.loads(seen)["OCIv1"]["config"]["Entrypoint"] == ["python", "-m", "back_end"]
