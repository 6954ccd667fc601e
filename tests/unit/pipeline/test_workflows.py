"""The workflows are well-formed, safe by zizmor's rules, and call commands that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from autostack.cli import ci

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROGRAMS = Path(sys.executable).parent


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_it_fits_githubs_schema(workflow: Path) -> None:
    command = [PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", workflow]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_finds_nothing(workflow: Path) -> None:
    command = [PROGRAMS / "zizmor", "--offline", "--no-progress", "--persona", "pedantic", workflow]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_action_is_pinned_by_a_commit_and_says_its_version(workflow: Path) -> None:
    uses = re.findall(r"uses: (.*)", workflow.read_text())
    assert uses
    for one in uses:
        assert re.match(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one), one


def test_every_command_it_calls_exists_with_its_options(workflow: Path) -> None:
    commands = get_command(ci.app).commands  # type: ignore[attr-defined]
    text = re.sub(r"\\\n\s*", " ", workflow.read_text())
    calls = re.findall(r"autostack ci ([a-z-]+)([^|)\n]*)", text)
    for name, rest in calls:
        assert name in commands, name
        known = {option for parameter in commands[name].params for option in parameter.opts}
        used = set(re.findall(r"--[a-z-]+", rest))
        assert used <= known, (name, used - known)


def test_only_the_jobs_that_need_it_may_write(workflow: Path) -> None:
    document = yaml.safe_load(workflow.read_text())
    assert document["permissions"] == {}
    writes = {
        (job, scope)
        for job, body in document["jobs"].items()
        for scope, access in body.get("permissions", {}).items()
        if access == "write"
    }
    assert writes == {
        ("image", "packages"),
        ("image", "id-token"),
        ("image", "attestations"),
        ("bump", "contents"),
    }
