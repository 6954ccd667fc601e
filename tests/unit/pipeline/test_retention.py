"""What a registry keeps: the newest versions, and whatever is in use."""

from __future__ import annotations

from autostack.pipeline.retention import images_in, kept_images

HERE = "ghcr.io/auto-stack/worker-node"


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


TAGS = {f"v0.{number}": digest(number) for number in range(1, 13)}


def kept(*references: str, versions: int = 3) -> set[str]:
    return {tag for tag, one in TAGS.items() if one in kept_images(HERE, TAGS, references, versions=versions)}


def test_the_newest_versions_stay_by_number_and_not_by_text() -> None:
    assert kept() == {"v0.10", "v0.11", "v0.12"}


def test_what_is_named_by_digest_or_by_tag_stays() -> None:
    assert kept(f"{HERE}:v0.2@{digest(2)}", f"{HERE}@{digest(3)}", f"{HERE}:v0.4", versions=1) == {
        "v0.2",
        "v0.3",
        "v0.4",
        "v0.12",
    }


def test_another_repositorys_reference_keeps_nothing_here() -> None:
    assert kept(f"ghcr.io/auto-stack/result-node:v0.2@{digest(2)}", "postgres:18", versions=1) == {"v0.12"}


def test_a_tag_that_is_no_version_stays() -> None:
    assert kept_images(HERE, {"stable": digest(1)}, (), versions=0) == {digest(1)}


def test_images_are_found_at_any_depth() -> None:
    pod = {"spec": {"initContainers": [{"image": "a:1"}], "containers": [{"name": "x", "image": "b:2"}]}}
    assert images_in([{"items": [pod]}, {"items": []}]) == {"a:1", "b:2"}
