"""A small workspace in Git, like the real one: two applications, a package they share, a lock, manifests; and
an origin with its pipeline.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness.waiting import eventually_sync

from autostack.pipeline.git import Identity, Repository, identity_environment
from autostack.pipeline.images.layout import Layout
from autostack.pipeline.origin import create_origin
from autostack.pipeline.places import Places
from autostack.pipeline.running import run_now
from autostack.pipeline.runs import UNFINISHED, Run, Runs
from autostack.pipeline.supervision import supervisors
from autostack.pipeline.workspace import locked_closure

REPOSITORY_ROOT = Path(__file__).parents[3]
DEVELOPER = identity_environment(Identity("Dev Eloper", "dev@example.com"))

ROOT_PYPROJECT = """\
[project]
name = "sample"
version = "0.1.0"
requires-python = ">=3.11"

[dependency-groups]
dev = ["pytest", "pytest-asyncio", "pytest-randomly", "pytest-timeout"]

[tool.uv.workspace]
members = ["shared-kit", "front-end", "back-end"]

[tool.pytest.ini_options]
addopts = ["--import-mode=importlib"]
asyncio_default_fixture_loop_scope = "function"
"""

MEMBER_PYPROJECT = """\
[project]
name = "{name}"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = [{dependencies}]

[build-system]
requires = ["uv-build>=0.13.9,<0.14"]
build-backend = "uv_build"
{sources}"""

KIT_TEST = """\
import shared_kit


def test_greeting():
    assert shared_kit.GREETING
"""

MAIN = """\
import shared_kit

print("{name}", shared_kit.GREETING)
"""

DEPLOYMENT = """\
# What runs, and a comment that must stay.
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  template:
    spec:
      containers:
        - name: {name}
          image: "ghcr.io/auto-stack/{name}:v0.1"  # set by the pipeline
          ports: [ {{containerPort: 8000}} ]
"""


TEST_PACKAGES = ("pytest", "pytest-asyncio", "pytest-randomly", "pytest-timeout")


def locked(*names: str) -> str:
    """The packages and all they need as the real lock has them: their wheels are in uv's cache already."""
    lock = (REPOSITORY_ROOT / "uv.lock").read_text()
    wanted = {key.split(" ")[0] for name in names for key in locked_closure(lock.encode(), name)}
    blocks = [block for block in lock.split("[[package]]\n") if re.match(r'name = "(.*)"\n', block)]
    return "".join(f"[[package]]\n{block}" for block in blocks if block.split('"', 2)[1] in wanted)


def lock_file() -> str:
    """The sample's lock: both applications use the kit, the back end also h11."""
    members = {"back-end": ["h11", "shared-kit"], "front-end": ["shared-kit"], "shared-kit": [], "sample": []}
    text = 'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n\n[manifest]\nmembers = ['
    text += ", ".join(f'"{name}"' for name in members) + "]\n\n"
    for name, uses in members.items():
        source = '{ virtual = "." }' if name == "sample" else f'{{ editable = "{name}" }}'
        text += f'[[package]]\nname = "{name}"\nversion = "0.1.0"\nsource = {source}\n'
        if uses:
            text += "dependencies = [" + ", ".join(f'{{ name = "{one}" }}' for one in uses) + "]\n"
        if name == "sample":
            text += "\n[package.dev-dependencies]\ndev = ["
            text += ", ".join(f'{{ name = "{one}" }}' for one in TEST_PACKAGES) + "]\n"
        text += "\n"
    return text + locked("h11", *TEST_PACKAGES)


def workspace_files() -> dict[str, str]:
    """Every file of the sample, by path."""
    kit_source = "\n[tool.uv.sources]\nshared-kit = { workspace = true }\n"
    files = {
        "pyproject.toml": ROOT_PYPROJECT,
        "uv.lock": lock_file(),
        "README.md": "# Sample\n",
        "shared-kit/pyproject.toml": MEMBER_PYPROJECT.format(name="shared-kit", dependencies="", sources=""),
        "shared-kit/src/shared_kit/__init__.py": 'GREETING = "hello"\n',
        "shared-kit/tests/unit/test_kit.py": KIT_TEST,
    }
    for name, dependencies in (("front-end", '"shared-kit"'), ("back-end", '"h11", "shared-kit"')):
        module = name.replace("-", "_")
        files |= {
            f"{name}/Dockerfile": f"FROM scratch\nCOPY {name}/src /app/src\n",
            f"{name}/pyproject.toml": MEMBER_PYPROJECT.format(
                name=name, dependencies=dependencies, sources=kit_source
            ),
            f"{name}/src/{module}/__init__.py": "",
            f"{name}/src/{module}/__main__.py": MAIN.format(name=name),
            f"{name}/src/{module}/answer.py": "ANSWER = 42\n",
            f"{name}/tests/unit/test_answer.py": (
                f"from {module}.answer import ANSWER\n\n\ndef test_answer():\n    assert ANSWER == 42\n"
            ),
            f"k8s-manifests/{name}.yaml": DEPLOYMENT.format(name=name),
        }
    return files


@dataclass
class Checkout:
    """A developer's clone: edit, commit, push."""

    folder: Path

    @property
    def repository(self) -> Repository:
        """Its repository."""
        return Repository(self.folder)

    def write(self, path: str, content: str) -> None:
        """Write a file, with its folders."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)

    def edit(self, path: str, pattern: str, replacement: str) -> None:
        """Replace in a file; the pattern must be there."""
        text = (self.folder / path).read_text()
        changed, count = re.subn(pattern, replacement, text)
        assert count, f"{pattern} is not in {path}"
        (self.folder / path).write_text(changed)

    def commit(self, message: str) -> str:
        """Commit everything and return the commit's id."""
        self.repository.run("add", "--all")
        self.repository.run("commit", "--quiet", "--message", message, env=DEVELOPER)
        return self.repository.commit("HEAD")

    def push(self) -> None:
        """Rebase on what the origin has and push, as a person would when refused."""
        self.repository.run("pull", "--quiet", "--rebase", "origin", "main", env=DEVELOPER)
        self.repository.run("push", "--quiet", "origin", "HEAD:main")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """The sample workspace, committed once on main."""
    made = Checkout(tmp_path / "checkout")
    made.folder.mkdir()
    made.repository.run("init", "--quiet", "--initial-branch=main")
    for path, content in workspace_files().items():
        made.write(path, content)
    made.commit("Begin")
    return made


@pytest.fixture(scope="session")
def layer_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layer cache of the session, so that packages are compiled once."""
    return tmp_path_factory.mktemp("layers")


class Loop:
    """An origin with its pipeline, and one developer's checkout."""

    def __init__(self, checkout: Checkout, places: Places) -> None:
        self.checkout = checkout
        self.places = places
        create_origin(checkout.folder, places)
        self.origin = Repository(places.origin)
        self.runs = Runs(places.ci)
        checkout.repository.run("remote", "add", "origin", str(places.origin))

    def initial(self) -> Run:
        """The first run."""
        return run_now(self.places, only=(), initial=True, again=False, echo=lambda _: None)

    def push(self) -> str:
        """Push what is committed; returns the commit."""
        self.checkout.repository.run("fetch", "--quiet", "origin")
        self.checkout.push()
        return self.checkout.repository.commit("HEAD")

    def ended(self, head: str) -> Run:
        """The end of the run for a commit."""

        def look() -> Run | None:
            return next(
                (run for run in self.runs.all() if run.head == head and run.state not in UNFINISHED), None
            )

        return eventually_sync(look, within_s=60, what=f"the end of the run for {head}")

    def idle(self) -> None:
        """Wait until nothing is queued."""
        eventually_sync(lambda: not self.runs.unfinished(), within_s=60, what="an empty queue")

    def manifest(self, app: str) -> str:
        """An application's manifest in the branch."""
        path = f"k8s-manifests/{app}.yaml"
        return self.origin.run("show", f"main:{path}").decode()

    def image(self, app: str) -> tuple[str, str]:
        """Version and digest in the branch's manifest."""
        found = re.search(
            rf'image: "ghcr.io/auto-stack/{app}:(v[\d.]+)(?:@(sha256:\w+))?"', self.manifest(app)
        )
        assert found
        return found[1], found[2]

    def tags(self, app: str) -> dict[str, str]:
        """The registry's tags of an application."""
        return Layout(self.places.registry / "ghcr.io/auto-stack" / app).tags()


@pytest.fixture
def loop(checkout: Checkout, tmp_path: Path, layer_cache: Path) -> Iterator[Loop]:
    """The sample's loop; it is at rest when the test ends."""
    cluster = tmp_path / "clusters" / "test"
    (tmp_path / "cache").symlink_to(layer_cache)
    made = Loop(checkout, Places(cluster, tmp_path / "cache"))
    yield made
    eventually_sync(lambda: not supervisors(made.places), within_s=60, what="the runners' end")
