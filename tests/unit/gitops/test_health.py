"""Health as Argo CD assesses it: each case is a file named by its state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from autostack.gitops.health import assess
from autostack.gitops.health.verdict import DEGRADED, HEALTHY, MISSING, PROGRESSING, worst

CASES = sorted((Path(__file__).parent / "cases/health").glob("*.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_each_state_has_its_verdict(case: Path) -> None:
    text = case.read_text()
    status, message = json.loads(text.partition("\n")[0].removeprefix("# expect: "))
    found = assess(yaml.safe_load(text))
    assert (found.status, found.message) == (status, message) if found else (status, message) == ("", "")


def test_the_worst_verdict_is_the_applications() -> None:
    assert worst([HEALTHY, PROGRESSING]) == PROGRESSING
    assert worst([PROGRESSING, MISSING, DEGRADED]) == DEGRADED
    assert worst([]) == HEALTHY
