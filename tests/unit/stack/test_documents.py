"""The manifests that a cluster needs first, in stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from autostack.errors import AutostackError
from autostack.stack.documents import in_stages, read_documents


def test_values_are_filled_in_and_empty_documents_left_out(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("kind: ConfigMap\ndata: {at: '${PLACE}'}\n---\n---\nkind: Secret\n")
    assert read_documents([file], {"PLACE": "/here"}) == [
        {"kind": "ConfigMap", "data": {"at": "/here"}},
        {"kind": "Secret"},
    ]


def test_a_file_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("a: [")
    with pytest.raises(AutostackError, match=r"broken\.yaml is not YAML"):
        read_documents([file], {})


def test_what_others_need_is_in_an_earlier_stage() -> None:
    kinds = ["Deployment", "ServiceMonitor", "ServiceAccount", "Namespace", "CustomResourceDefinition"]
    stages = in_stages([{"kind": kind} for kind in kinds])
    assert [[one["kind"] for one in stage] for stage in stages] == [
        ["Namespace", "CustomResourceDefinition"],
        ["ServiceAccount"],
        ["Deployment", "ServiceMonitor"],
    ]
