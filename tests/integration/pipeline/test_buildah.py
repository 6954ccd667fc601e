"""The application's own Dockerfile by a real engine: built, named, read by skopeo, with the same labels."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from autostack.pipeline.builders import build, push_built
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
