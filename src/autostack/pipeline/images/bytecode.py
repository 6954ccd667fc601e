"""Bytecode that is the same whoever compiles it, for a root file system that is read-only. Pure.

CPython's usual marshal format shares equal objects by their reference counts, which depend on what else the
process has loaded. Format 2 does not share, so it is reproducible, about a quarter larger, and loads as fast.
The invalidation mode is PEP 552's unchecked hash: an image's source can't change under its bytecode.
"""

from __future__ import annotations

import importlib.util
import marshal
import sys
import sysconfig
import warnings
from pathlib import PurePosixPath

_MARSHAL_VERSION = 2
_UNCHECKED_HASH = 1


def interpreter_tag() -> str:
    """What the bytecode and the native extensions of a layer were made for, e.g. `cpython-311
    linux-x86_64`.
    """
    return f"{sys.implementation.cache_tag} {sysconfig.get_platform()}"


def bytecode(source: bytes, path: str) -> bytes | None:
    """The content of a .pyc for a module that will stand at `path`; None when it does not compile.

    Packages ship templates and files for other Python versions that end in .py; without bytecode they stay
    what they are.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        return None
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH.to_bytes(4, "little")
    return header + importlib.util.source_hash(source) + marshal.dumps(code, _MARSHAL_VERSION)


def bytecode_path(path: str) -> str:
    """Where the import system looks for the bytecode of a module."""
    module = PurePosixPath(path)
    return str(module.parent / "__pycache__" / f"{module.stem}.{sys.implementation.cache_tag}.pyc")
