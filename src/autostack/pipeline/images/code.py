"""The code layer: the sources of an application and of the members it uses, as the commit has them. Pure.

Bytecode is beside each module, because the root file system of a pod is read-only and a cold start would
else compile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from autostack.pipeline.git import Blob
from autostack.pipeline.images.bytecode import bytecode, bytecode_path
from autostack.pipeline.images.document import CODE
from autostack.pipeline.images.layers import Entry
from autostack.pipeline.workspace import Member


def code_files(tree: Mapping[str, Blob], members: Iterable[Member]) -> dict[str, Blob]:
    """The files of the layer: path in the image → blob in git."""
    found = {}
    for member in members:
        root = f"{member.folder}/src/"
        for path, blob in tree.items():
            if path.startswith(root):
                found[f"{CODE}/{path.removeprefix(root)}"] = blob
    return found


def code_entries(files: Mapping[str, Blob], contents: Mapping[str, bytes]) -> Iterator[Entry]:
    """The entries of the layer; `contents` is by object id."""
    for path, blob in files.items():
        content = contents[blob.id]
        yield Entry(path, content, executable=blob.mode == "100755", link=blob.mode == "120000")
        if path.endswith(".py"):
            compiled = bytecode(content, f"/{path}")
            if compiled is not None:
                yield Entry(bytecode_path(path), compiled)
