"""What expressions mean, and how each mistake is told: the cases are data, one line a bug report could add
to.
"""

from pathlib import Path

import pytest
import yaml
from worker_node.solver import ExpressionError, solve

CASES = Path(__file__).parent.parent / "cases"
ANSWERS: dict[str, list[str | None]] = yaml.safe_load((CASES / "answers.yaml").read_text())
REFUSALS: dict[str, list[str | int]] = yaml.safe_load((CASES / "refusals.yaml").read_text())


@pytest.mark.parametrize("expression", ANSWERS)
def test_an_expression_has_its_answer(expression: str) -> None:
    assert list(solve(expression)) == ANSWERS[expression]


@pytest.mark.parametrize("expression", REFUSALS)
def test_a_mistake_is_told_with_its_position(expression: str) -> None:
    kind, position, words = REFUSALS[expression]
    with pytest.raises(ExpressionError) as caught:
        solve(expression)
    assert (caught.value.kind, caught.value.position) == (kind, position)
    assert str(words) in caught.value.detail
    assert f"position {caught.value.position}" in caught.value.detail


def test_every_function_has_a_case() -> None:
    from worker_node.solver.syntax import ARITY

    for function in ARITY:
        assert any(f"{function}(" in expression for expression in ANSWERS), function
