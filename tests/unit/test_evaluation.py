"""The second opinion is an opinion: it says no to what is wrong."""

from __future__ import annotations

import pytest
from harness.evaluation import is_right


@pytest.mark.parametrize(
    ("expression", "status", "result"),
    [
        ("1/3 + 1/6", "ok", "1/2"),
        ("0.1 + 0.2", "ok", "3/10"),
        ("-2 ** 2", "ok", "-4"),
        ("-7 // 2", "ok", "-4"),
        ("isprime(97)", "ok", "1"),
        ("factor(360)", "ok", "2**3 * 3**2 * 5"),
        ("lcm(4, 6)", "ok", "12"),
        ("1 / 0", "undefined", "division by zero"),
    ],
)
def test_a_right_answer_is_right_and_any_other_is_not(expression: str, status: str, result: str) -> None:
    assert is_right(expression, status, result)
    assert not is_right(expression, "ok", "17")
    assert not is_right(expression, "undefined" if status == "ok" else "ok", result)


def test_a_factorisation_must_be_of_primes_in_order() -> None:
    assert not is_right("factor(360)", "ok", "8 * 9 * 5")
    assert not is_right("factor(360)", "ok", "5 * 2**3 * 3**2")
