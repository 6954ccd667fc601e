"""A commit's tree as files: what is in it, and what may not lead out of it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from autostack.gitops.errors import ManifestError
from autostack.gitops.unpacking import unpack


def archive(**entries: str) -> bytes:
    """A tar of these entries; a text that begins with -> is a symlink."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, text in entries.items():
            member = tarfile.TarInfo(name)
            if text.startswith("->"):
                member.type, member.linkname = tarfile.SYMTYPE, text.removeprefix("->")
                tar.addfile(member)
            else:
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


def test_files_and_links_inside_are_as_in_git(tmp_path: Path) -> None:
    unpack(
        archive(**{"a/one.yaml": "1", "a/two.yaml": "->../b/two.yaml", "b/two.yaml": "2"}), tmp_path / "tree"
    )
    assert (tmp_path / "tree/a/one.yaml").read_text() == "1"
    assert (tmp_path / "tree/a/two.yaml").read_text() == "2"


@pytest.mark.parametrize(
    "entries",
    [
        {"link": "->/etc/passwd"},
        {"a/link": "->../../outside"},
        {"a": "->b", "b": "->.."},
        {"../evil": "x"},
        {"/evil": "x"},
    ],
    ids=["absolute", "relative", "chain", "parent", "root"],
)
def test_what_leads_out_is_refused_and_leaves_nothing(tmp_path: Path, entries: dict[str, str]) -> None:
    with pytest.raises(ManifestError, match="leads out of the tree"):
        unpack(archive(**entries), tmp_path / "trees/tree")
    assert not (tmp_path / "trees/tree").exists()
    assert not list(tmp_path.glob("**/evil"))
