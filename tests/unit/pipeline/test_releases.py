"""What a release commit says is read back as it was written."""

from __future__ import annotations

from autostack.pipeline.releases import Release, parse_releases, release_message

TWO = (
    Release("worker-node", "v0.5", "sha256:aa", "c0ffee"),
    Release("result-node", "v0.10", "sha256:bb", "c0ffee"),
)


def test_a_message_names_versions_digests_and_source_and_reads_back() -> None:
    message = release_message(TWO)
    assert message.startswith("Release worker-node v0.5, result-node v0.10\n\n")
    trailers = message.rstrip("\n").rpartition("\n\n")[2]
    assert parse_releases(trailers) == TWO


def test_a_bump_without_a_source_is_no_release() -> None:
    assert parse_releases("Autostack-Bump: worker-node v0.5 sha256:aa") == ()


def test_a_malformed_bump_is_left_out() -> None:
    assert parse_releases("Autostack-Bump: worker-node\nAutostack-Source: c0ffee") == ()
