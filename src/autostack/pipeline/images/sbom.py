"""The image's bill of materials: CycloneDX JSON, from the lock and the workspace. Pure, and reproducible.

The serial number is derived from the content and the time is the commit's, so the same commit gives the
same document.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from autostack.pipeline.images.document import Subject

_NAMESPACE = uuid.UUID("6f0a9d4e-6c57-5c0e-9a43-0d6f5a6c2f7b")


def sbom(subject: Subject, packages: Mapping[str, str], members: Sequence[str]) -> bytes:
    """The document for one image: `packages` is `name version` → hashes of the lock, `members` are ours."""
    root = Component(
        name=subject.app,
        version=subject.version,
        type=ComponentType.CONTAINER,
        bom_ref=f"image:{subject.app}",
    )
    own = [
        Component(
            name=name, version=subject.revision, type=ComponentType.APPLICATION, bom_ref=f"workspace:{name}"
        )
        for name in sorted(members)
    ]
    locked = [_package(key.split(" ")[0], key.split(" ")[1], hashes) for key, hashes in packages.items()]
    moment = datetime.fromtimestamp(subject.created_s, UTC)
    identity = uuid.uuid5(_NAMESPACE, f"{subject.app} {subject.version} {subject.revision}")
    bom = Bom(
        components=[*own, *locked],
        metadata=BomMetaData(component=root, timestamp=moment),
        serial_number=identity,
    )
    bom.register_dependency(root, [*own, *locked])
    return JsonV1Dot6(bom).output_as_string(indent=1).encode()


def _package(name: str, version: str, hashes: str) -> Component:
    """A package of the lock; it lists the hash of every artefact that the lock accepts."""
    accepted = [
        HashType(alg=HashAlgorithm.SHA_256, content=one.removeprefix("sha256:"))
        for one in hashes.split()
        if one.startswith("sha256:")
    ]
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", None, name, version),
        bom_ref=f"pypi:{name}@{version}",
        hashes=accepted,
    )
