"""What form a body has and what form the answer shall have, from Content-Type and Accept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from autostack.pocket.apiserver.http.protobuf import decode as decode_protobuf
from autostack.pocket.errors import ApiError, bad_request, unsupported_media_type

JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
MAX_YAML_NODES = 100_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """One acceptable form: its media type and the parameters that Kubernetes gives meaning to."""

    media_type: str
    as_kind: str = ""
    group: str = ""
    version: str = ""
    profile: str = ""


def accepted(header: str) -> list[Accepted]:
    """The acceptable forms, in the client's order."""
    found = []
    for part in header.split(","):
        media_type, *parameters = (word.strip() for word in part.split(";"))
        values = dict(word.split("=", 1) for word in parameters if "=" in word)
        found.append(
            Accepted(
                media_type,
                values.get("as", ""),
                values.get("g", ""),
                values.get("v", ""),
                values.get("profile", ""),
            )
        )
    return found


def wanted_form(header: str) -> Accepted:
    """The first form that this server can produce; raises 406 when there is none."""
    for form in accepted(header or JSON):
        if form.media_type not in (JSON, "*/*", "application/*", YAML):
            continue
        if form.as_kind in ("", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"):
            return form
    if "text/plain" in header or "text/html" in header:
        return Accepted(JSON)
    raise ApiError(
        406,
        "NotAcceptable",
        "only the following media types are accepted: application/json, application/yaml",
    )


def decode_body(body: bytes, content_type: str) -> Any:
    """The body as plain data; raises 400 or 415."""
    media_type = content_type.split(";", 1)[0].strip().lower() or JSON
    if media_type == PROTOBUF:
        return decode_protobuf(body)
    if media_type in (YAML, "application/apply-patch+yaml", "text/yaml"):
        return _yaml(body)
    if media_type == JSON or media_type.endswith("+json"):
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise bad_request(f"the body is not JSON: {error}") from None
    raise unsupported_media_type(media_type, f"{JSON}, {YAML}, {PROTOBUF}")


def _yaml(body: bytes) -> Any:
    """YAML 1.1 without anchors: an alias could blow a small body up, and no client sends one."""
    try:
        return msgspec.json.decode(body)  # what clients call apply-patch+yaml is JSON most of the time
    except (msgspec.DecodeError, RecursionError):
        pass
    import yaml  # noqa: PLC0415 - only when somebody really sends YAML

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for count, event in enumerate(yaml.parse(body, Loader=loader)):
            if isinstance(event, yaml.AliasEvent) or count > MAX_YAML_NODES:
                raise bad_request("the YAML body uses aliases or is too large")
        return yaml.load(body, Loader=loader)  # noqa: S506 - one of the two safe loaders
    except (yaml.YAMLError, RecursionError) as error:
        raise bad_request(f"the body is not YAML: {str(error)[:300]}") from None
