"""The version line changes and nothing else does."""

from __future__ import annotations

import pytest

from autostack.pipeline.errors import WorkspaceError
from autostack.pipeline.manifest import Pinned, find_pinned, set_pinned
from autostack.pipeline.versions import Version

DIGEST = "sha256:" + "ab" * 32
NEW = Pinned("ghcr.io/auto-stack/worker-node", Version(0, 5), "sha256:" + "cd" * 32)
MANIFEST = f"""\
# Order, comments and quotes are a person's.
spec:
  z: 1
  containers:
    - image:   'ghcr.io/auto-stack/worker-node:v0.4@{DIGEST}'   # keep me
      name: "worker-node"
    - name: sidecar
      image: ghcr.io/auto-stack/other-worker-node:v0.4
  initContainers:
    - name: migrate
      image: ghcr.io/auto-stack/worker-node:v0.4@{DIGEST}
  a: {{image: "ghcr.io/auto-stack/worker-node-2:v0.4"}}
"""


def test_every_version_line_of_the_application_changes_and_all_other_bytes_stay() -> None:
    assert set_pinned(MANIFEST, "worker-node", NEW) == MANIFEST.replace(
        f"worker-node:v0.4@{DIGEST}", f"worker-node:v0.5@{NEW.digest}"
    )


def test_windows_line_ends_and_a_missing_last_newline_stay() -> None:
    text = "a: 1\r\nimage: ghcr.io/auto-stack/worker-node:v0.1\r\nimage: ghcr.io/auto-stack/worker-node:v0.1"
    changed = set_pinned(text, "worker-node", NEW)
    assert changed == text.replace("worker-node:v0.1", f"worker-node:v0.5@{NEW.digest}")


def test_a_comment_that_shows_an_image_is_left_alone() -> None:
    text = "# image: ghcr.io/auto-stack/worker-node:v0.1\n"
    assert set_pinned(text, "worker-node", NEW) == text


def test_the_image_is_found_with_and_without_a_digest() -> None:
    assert find_pinned({"a.yaml": MANIFEST}, "worker-node").digest == DIGEST
    plain = find_pinned({"a.yaml": "image: localhost:5000/me/worker-node:v1.20"}, "worker-node")
    assert plain == Pinned("localhost:5000/me/worker-node", Version(1, 20), None)


def test_files_that_disagree_are_an_error_that_names_both_places() -> None:
    files = {"a.yaml": MANIFEST, "b.yaml": "x: 1\nimage: ghcr.io/auto-stack/worker-node:v0.3\n"}
    with pytest.raises(WorkspaceError, match=r"v0\.4.*a\.yaml:5.*v0\.3.*b\.yaml:2"):
        find_pinned(files, "worker-node")


def test_an_application_without_a_manifest_is_an_error_that_says_what_to_add() -> None:
    with pytest.raises(WorkspaceError, match="it needs a line `image:"):
        find_pinned({"a.yaml": "kind: Service\n"}, "worker-node")
