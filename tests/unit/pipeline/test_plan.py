"""What a change concerns follows from the images' inputs, not from the names of folders."""

from __future__ import annotations

import pytest

from autostack.pipeline.errors import WorkspaceError
from autostack.pipeline.plan import AppPlan, Snapshot, plan_app

APP = """
[project]
name = "{name}"
[tool.uv.sources]
{uses}
"""
LOCK = """
[[package]]
name = "worker-node"
version = "0.1.0"
source = {{ editable = "worker-node" }}
dependencies = [{{ name = "service-kit" }}, {{ name = "sqlalchemy" }}]
[[package]]
name = "chaos-agent"
version = "0.1.0"
source = {{ editable = "chaos-agent" }}
dependencies = [{{ name = "service-kit" }}]
[[package]]
name = "service-kit"
version = "0.1.0"
source = {{ editable = "service-kit" }}
dependencies = [{{ name = "uvicorn", marker = "sys_platform == 'linux'" }}]
[[package]]
name = "uvicorn"
version = "{uvicorn}"
source = {{ registry = "https://example.com/simple" }}
wheels = [{{ hash = "sha256:u{uvicorn}" }}]
[[package]]
name = "sqlalchemy"
version = "{sqlalchemy}"
source = {{ registry = "https://example.com/simple" }}
wheels = [{{ hash = "sha256:s{sqlalchemy}" }}]
"""


def state(uvicorn: str = "1.0", sqlalchemy: str = "2.0", **changes: str) -> Snapshot:
    """A workspace like ours; `changes` are further or other files, by path."""
    kit = "service-kit = { workspace = true }"
    files = {
        "pyproject.toml": '[tool.uv.workspace]\nmembers = ["service-kit", "worker-node", "chaos-agent"]',
        "uv.lock": LOCK.format(uvicorn=uvicorn, sqlalchemy=sqlalchemy),
        "README.md": "hello",
        "k8s-manifests/worker-deployment.yaml": "image: x",
        "service-kit/pyproject.toml": APP.format(name="service-kit", uses=""),
        "service-kit/src/service_kit/server.py": "1",
        "service-kit/tests/unit/test_server.py": "1",
        "worker-node/Dockerfile": "FROM x",
        "worker-node/README.md": "1",
        "worker-node/pyproject.toml": APP.format(name="worker-node", uses=kit),
        "worker-node/src/worker_node/solve.py": "1",
        "worker-node/tests/unit/test_solve.py": "1",
        "chaos-agent/Dockerfile": "FROM x",
        "chaos-agent/pyproject.toml": APP.format(name="chaos-agent", uses=kit),
        "chaos-agent/src/chaos_agent/kill.py": "1",
    } | changes
    return Snapshot(dict(files), lambda path: files[path].encode())


def touched(after: Snapshot, before: Snapshot | None = None) -> dict[str, tuple[str, ...]]:
    """The applications to build and why."""
    before = before or state()
    plans = (plan_app(app, after, before, before) for app in after.workspace.apps())
    return {plan.app: plan.build for plan in plans if plan is not None and plan.build}


def test_a_source_touches_its_own_application_only() -> None:
    after = state(**{"worker-node/src/worker_node/solve.py": "2"})
    assert touched(after) == {"worker-node": ("worker-node/src/worker_node/solve.py",)}


def test_the_shared_package_touches_all_that_use_it() -> None:
    assert set(touched(state(**{"service-kit/src/service_kit/server.py": "2"}))) == {
        "worker-node",
        "chaos-agent",
    }


def test_a_locked_version_touches_those_that_have_it_in_their_closure() -> None:
    assert touched(state(sqlalchemy="2.1")) == {"worker-node": ("sqlalchemy 2.0", "sqlalchemy 2.1")}
    assert set(touched(state(uvicorn="1.1"))) == {"worker-node", "chaos-agent"}


def test_the_dockerfile_is_an_input() -> None:
    assert set(touched(state(**{"chaos-agent/Dockerfile": "FROM y"}))) == {"chaos-agent"}


@pytest.mark.parametrize(
    "path", ["README.md", "worker-node/README.md", "k8s-manifests/worker-deployment.yaml"]
)
def test_documents_and_manifests_touch_nothing(path: str) -> None:
    assert touched(state(**{path: "2"})) == {}


def test_a_comment_in_the_lock_touches_nothing() -> None:
    assert touched(state(**{"uv.lock": "# new\n" + LOCK.format(uvicorn="1.0", sqlalchemy="2.0")})) == {}


def test_tests_alone_are_run_and_nothing_is_built() -> None:
    path = "worker-node/tests/unit/test_solve.py"
    after = state(**{path: "2"})
    assert plan_app("worker-node", after, state(), state()) == AppPlan("worker-node", test=(path,))
    assert plan_app("chaos-agent", after, state(), state()) is None


def test_a_build_stays_owed_until_it_is_released() -> None:
    red = state(**{"worker-node/src/worker_node/solve.py": "2"})
    later = state(**{"worker-node/src/worker_node/solve.py": "2", "README.md": "2"})
    owed = plan_app("worker-node", later, state(), red)
    assert owed is not None
    assert owed.build == ("worker-node/src/worker_node/solve.py",)


def test_an_application_that_was_never_built_is_built() -> None:
    assert plan_app("worker-node", state(), None, None) == AppPlan("worker-node", build=("never built",))


def test_an_unreadable_pyproject_is_an_error_with_its_path() -> None:
    with pytest.raises(WorkspaceError, match=r"worker-node/pyproject\.toml is not TOML"):
        touched(state(**{"worker-node/pyproject.toml": "[project"}))
