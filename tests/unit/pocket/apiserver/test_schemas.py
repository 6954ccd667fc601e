"""The condensed schema data is what the generator makes of the published schemas."""

from __future__ import annotations

import gzip

import pytest

from autostack.pocket.apiserver.http import protobuf, spdy
from autostack.pocket.apiserver.kinds import built_in
from autostack.pocket.apiserver.schemas import definition_of, regenerate
from autostack.pocket.errors import ApiError


def test_the_data_files_are_up_to_date() -> None:
    for name, content in regenerate.build().items():
        stored = (regenerate.HERE / name).read_bytes()
        assert gzip.decompress(stored) == gzip.decompress(content), (
            f"{name}: run python -m {regenerate.__name__}"
        )


def test_every_stored_kind_has_a_schema() -> None:
    assert [
        kind.kind for kind in built_in() if kind.storage and not definition_of(kind.api_version, kind.kind)
    ] == []


@pytest.mark.parametrize("body", [b"", b"{}", b"k8s\x00", b"k8s\x00\xff\xff\xff", b"k8s\x00\x0a\x05ab"])
def test_a_broken_protobuf_body_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        protobuf.decode(body)
    assert caught.value.code == 400


def _pod_body(*fields: bytes) -> bytes:
    """A Pod's body in which `fields` stand in its metadata."""
    metadata = b"".join(fields)
    pod = b"\x0a" + bytes([len(metadata)]) + metadata
    return b"k8s\x00\x0a\x09\x0a\x02v1\x12\x03Pod" + b"\x12" + bytes([len(pod)]) + pod


@pytest.mark.parametrize(
    "field",
    [
        b"\x42\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x10",  # a time that no calendar has
        b"\x42\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  # a time that is cut off
        b"\x08\x05",  # a number where the name should be
        b"\x5a\x02\x08\x05",  # a label whose key is a number
        b"\xfa\x3f\x01x",  # a field that no Kubernetes has yet
    ],
)
def test_a_protobuf_field_that_means_nothing_is_a_bad_request(field: bytes) -> None:
    assert protobuf.decode(_pod_body(b"\x0a\x01a"))["metadata"] == {"name": "a"}
    with pytest.raises(ApiError) as caught:
        protobuf.decode(_pod_body(b"\x0a\x01a", field))
    assert caught.value.code == 400


def test_spdy_reads_frames_however_they_are_cut() -> None:
    session = spdy.Session()
    wire = spdy.pong(7) + spdy.data(1, b"abc") + spdy.data(1, b"", finished=True)
    frames = [frame for byte in wire for frame in session.feed(bytes([byte]))]
    assert frames == [spdy.Ping(7), spdy.Data(1, b"abc", False), spdy.Data(1, b"", True)]


def test_spdy_refuses_what_is_not_spdy() -> None:
    with pytest.raises(spdy.ProtocolError):
        list(spdy.Session().feed(b"\xff\xff\xff\xff" * 4))
