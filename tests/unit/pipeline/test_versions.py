"""Versions count as numbers, and none is given twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autostack.pipeline.errors import WorkspaceError
from autostack.pipeline.versions import Version, next_version, parse_version


def test_the_minor_counts_on_past_nine() -> None:
    assert str(next_version(parse_version("v0.9"), [])) == "v0.10"
    assert parse_version("v0.10") > parse_version("v0.9")


@pytest.mark.parametrize("text", ["0.5", "v0", "v0.5.1", "v00.5", "v0.05", "v0.-1", "latest", "v1.0 "])
def test_anything_else_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(WorkspaceError, match="must look like"):
        parse_version(text)


def test_an_image_that_a_killed_run_pushed_keeps_its_version() -> None:
    assert str(next_version(parse_version("v0.5"), ["v0.5", "v0.6"], ours=["v0.6"])) == "v0.6"


def test_a_version_of_ours_that_the_manifest_has_passed_is_not_used_again() -> None:
    assert str(next_version(parse_version("v0.7"), ["v0.6", "v0.7"], ours=["v0.6"])) == "v0.8"


@given(minor=st.integers(0, 50), taken=st.sets(st.integers(0, 80)))
def test_the_next_version_is_always_ahead_and_free(minor: int, taken: set[int]) -> None:
    tags = [f"v0.{one}" for one in taken] + ["latest"]
    following = next_version(Version(0, minor), tags)
    assert following > Version(0, minor)
    assert str(following) not in tags
