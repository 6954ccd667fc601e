"""A commit's tree as files, from the archive that git makes of it.

Whoever pushes is not trusted with our file system: an entry or link that leads out of the tree is refused,
and links are written last, so that nothing is written through one. tarfile's own filters would do it, but
came with Python 3.11.4, and Debian 12 has 3.11.2.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from autostack.gitops.errors import ManifestError


def unpack(archive: bytes, folder: Path) -> None:
    """Make the folder of the archive's files and symlinks, whole or not at all; raises ManifestError."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = tar.getmembers()
        for member in members:
            path = PurePosixPath(member.name)
            if path.is_absolute() or ".." in path.parts:
                raise ManifestError(member.name, None, "refused: it leads out of the tree")
            target = partial / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if member.isdir():
                target.mkdir(exist_ok=True)
            elif (content := tar.extractfile(member) if member.isreg() else None) is not None:
                target.write_bytes(content.read())
        links = [member for member in members if member.issym()]
        for member in links:
            (partial / member.name).symlink_to(member.linkname)
        for member in links:
            if not Path(os.path.realpath(partial / member.name)).is_relative_to(partial.resolve()):
                raise ManifestError(
                    member.name, None, f"refused: its link {member.linkname!r} leads out of the tree"
                )
    partial.rename(folder)
