"""Documentation is held to the code: commands, settings, links, generated pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from service_kit.settings import describe_settings
from unit.docs.rendering import PAGES, PROGRAMS, REFRESH, ROOT

from autostack.cli.main import COMMANDS
from autostack.gitops.guard.objective import ANNOTATIONS, PREFIX

GUIDE = ROOT / "docs/user-guide.md"
WRITTEN = sorted(
    [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    + [*(ROOT / "docs").rglob("*.md")]
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _broken_links(page: Path) -> list[str]:
    targets = _LINK.findall(_FENCE.sub("", page.read_text()))
    files = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:", target)]
    return [name for name in files if name and not (page.parent / name).exists()]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_user_guide(command: str) -> None:
    assert f"autostack {command}" in GUIDE.read_text()


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_tells_of_a_command_that_is_not_there(page: Path) -> None:
    assert set(re.findall(r"\./autostack ([a-z]+)", page.read_text())) <= set(COMMANDS)


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_every_annotation_of_the_release_guard_is_in_the_user_guide_with_its_default(name: str) -> None:
    assert f"| `{PREFIX}{name}` | {ANNOTATIONS[name][1]} |" in GUIDE.read_text()


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    assert _broken_links(page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "[a](page.md#part) [b](https://example.com/) [c](gone.md) [d](#part)\n```\n[e](code.md)\n```\n"
    )
    assert _broken_links(page) == ["gone.md"]


@pytest.mark.parametrize("path", PAGES)
def test_a_generated_page_is_what_the_code_says(path: str) -> None:
    assert (ROOT / path).read_text() == PAGES[path](), f"{path} is out of date; run: {REFRESH}"


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_setting_of_a_service_is_documented(program: str) -> None:
    page = (ROOT / "docs/settings.md").read_text()
    missing = [
        one.variable for one in describe_settings(PROGRAMS[program]) if f"`{one.variable}`" not in page
    ]
    assert missing == []
