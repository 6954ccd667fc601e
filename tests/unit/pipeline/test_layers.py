"""The same files give the same bytes, in any order and in any process."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile

from autostack.pipeline.images.bytecode import bytecode
from autostack.pipeline.images.layers import END, Entry, segment

ENTRIES = [
    Entry("app/src/b/z.py", b"z = 1\n"),
    Entry("app/src/a.py", b"a = 1\n", executable=True),
    Entry("app/src/" + "long/" * 60 + "ü.txt", b""),
    Entry("app/src/link", b"a.py", link=True),
]
SOURCE = b"""
import os
NAME = 'interned_name'

def f(a, b=(1, 2)):
    'Doc.'
    return {a: b, NAME: os.name}
"""


def test_the_order_of_the_files_does_not_matter() -> None:
    assert segment(ENTRIES, 1000) == segment(reversed(ENTRIES), 1000)


def test_owners_modes_and_times_are_fixed_and_folders_come_first() -> None:
    with tarfile.open(fileobj=io.BytesIO(segment(ENTRIES, 1000) + END)) as archive:
        members = archive.getmembers()
    assert {(one.uid, one.gid, one.mtime) for one in members} == {(0, 0, 1000)}
    modes = {one.name: one.mode for one in members}
    assert modes["app/src/a.py"] == modes["app/src"] == 0o755
    assert modes["app/src/b/z.py"] == 0o644
    names = [one.name for one in members]
    assert all(names.index(name.rpartition("/")[0]) < names.index(name) for name in names if "/" in name)


def test_bytecode_is_the_same_in_another_process_and_runs() -> None:
    here = bytecode(SOURCE, "/app/src/m.py")
    program = (
        "import sys, hashlib; name = 'interned_name'; sys.intern('Doc.')\n"
        "from autostack.pipeline.images.bytecode import bytecode\n"
        f"sys.stdout.buffer.write(bytecode({SOURCE!r}, '/app/src/m.py'))"
    )
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    assert here == there


def test_the_import_system_takes_the_bytecode_without_the_source(tmp_path) -> None:
    compiled = bytecode(SOURCE, "/app/src/m.py")
    assert compiled is not None
    (tmp_path / "m.pyc").write_bytes(compiled)
    done = subprocess.run(
        [sys.executable, "-c", "import m; print(m.f(1))"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "{1: (1, 2), 'interned_name': 'posix'}\n"


def test_what_does_not_compile_has_no_bytecode() -> None:
    assert bytecode(b"print 'two'\n", "/x.py") is None
