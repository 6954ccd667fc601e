"""The objects that make a cluster ours, read from files, in stages, with values filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from autostack.errors import AutostackError

Document = dict[str, Any]

_FIRST = ("Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass")
_BEFORE_PODS = (
    "ServiceAccount", "Secret", "ConfigMap", "PersistentVolumeClaim", "ClusterRole", "ClusterRoleBinding",
    "Role", "RoleBinding", "Service",
)  # fmt: skip


def read_documents(files: Sequence[Path], values: Mapping[str, str]) -> list[Document]:
    """All documents of the files, in their order, `${NAME}` replaced by its value."""
    documents: list[Document] = []
    for file in files:
        text = file.read_text()
        for name, value in values.items():
            text = text.replace("${" + name + "}", value)
        try:
            documents += [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]
        except yaml.YAMLError as error:
            raise AutostackError(f"{file} is not YAML: {str(error)[:200]}") from error
    return documents


def in_stages(documents: Sequence[Document]) -> list[list[Document]]:
    """What can be applied side by side, stage after stage: each needs only what an earlier one has."""
    stages: list[list[Document]] = [[], [], []]
    for document in documents:
        stages[_rank(document["kind"])].append(document)
    return stages


def _rank(kind: str) -> int:
    if kind in _FIRST:
        return 0
    return 1 if kind in _BEFORE_PODS else 2
