"""The commands by which an engine builds an application."""

from __future__ import annotations

from pathlib import Path

import pytest

from autostack.errors import UnavailableError, UsageError
from autostack.pipeline.builders import build
from autostack.pipeline.builders.engines import ENGINES
from autostack.pipeline.git import Repository
from autostack.pipeline.images.document import Subject
from autostack.pipeline.places import Places

SUBJECT = Subject(
    "worker-node", "worker_node", "v0.5", "c0ffee" * 6 + "beef", 1_700_000_000, "https://x", "cpython-311"
)
TAG = f"v0.5-{SUBJECT.revision[:12]}"


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_an_engine_gets_dockerfile_version_and_labels_and_leaves_an_oci_layout(engine: str) -> None:
    commands = ENGINES[engine](SUBJECT, Path("/context"), Path("/scratch"), Path("/layout"))
    first = commands[0]
    assert first[:2] == [engine, "build"]
    assert first[-1] == "/context"
    assert first[first.index("--file") + 1] == "/context/worker-node/Dockerfile"
    assert {"APP_VERSION=v0.5", f"GIT_REVISION={SUBJECT.revision}"} <= set(first)
    assert f"org.opencontainers.image.revision={SUBJECT.revision}" in first
    assert not [word for word in first if word.startswith("io.auto-stack.base")]
    assert commands[-2][-1] == f"oci:/layout:{TAG}"
    assert commands[-1][-1] == f"autostack.local/worker-node:{TAG}"  # nothing is left in the engine's store


def test_an_image_is_named_in_words_when_there_is_no_such_builder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are: oci, docker, buildah"):
        build(
            "kaniko",
            Repository(Path(__file__).parents[3]),
            "HEAD",
            app="worker-node",
            version="v0.5",
            places=Places(tmp_path, tmp_path),
        )


def test_a_missing_engine_is_said_with_the_way_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = tmp_path / "git"
    git.symlink_to("/usr/bin/git")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="`--builder oci` needs no engine"):
        build(
            "buildah",
            Repository(Path(__file__).parents[3]),
            "HEAD",
            app="worker-node",
            version="v0.5",
            places=Places(tmp_path, tmp_path),
        )
