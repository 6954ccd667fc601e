"""The independent evaluator agrees with plain arithmetic, and disagrees with wrong answers."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autostack.resilience.evaluator import UnreadableError, is_right

whole = st.integers(-(10**12), 10**12)


@given(left=whole, right=whole, symbol=st.sampled_from(["+", "-", "*"]))
def test_sums_and_products(left: int, right: int, symbol: str) -> None:
    value = {"+": left + right, "-": left - right, "*": left * right}[symbol]
    expression = f"({left}) {symbol} ({right})"
    assert is_right(expression, "ok", str(value))
    assert not is_right(expression, "ok", str(value + 1))
    assert not is_right(expression, "undefined", "division by zero")


@given(left=whole, right=whole)
def test_a_quotient_is_a_fraction_or_undefined(left: int, right: int) -> None:
    expression = f"({left}) / ({right})"
    if right == 0:
        assert is_right(expression, "undefined", "division by zero")
        assert not is_right(expression, "ok", "0")
    else:
        value = Fraction(left, right)
        text = str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"
        assert is_right(expression, "ok", text)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("0.1 + 0.2", "3/10"),
        ("2 ** 10", "1024"),
        ("2 ** -2", "1/4"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("gcd(12, 18)", "6"),
        ("lcm(4, 6)", "12"),
        ("isqrt(17)", "4"),
        ("factorial(5)", "120"),
        ("comb(5, 2)", "10"),
        ("isprime(97)", "1"),
        ("isprime(91)", "0"),
        ("isprime(1)", "0"),
        ("min(1/2, 0.25)", "1/4"),
        ("abs(-3)", "3"),
        ("factor(360)", "2**3 * 3**2 * 5"),
        ("factor(-8)", "-1 * 2**3"),
        ("factor(1)", "1"),
        ("factor(97)", "97"),
    ],
)
def test_known_answers(expression: str, result: str) -> None:
    assert is_right(expression, "ok", result)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("factor(360)", "2**3 * 45"),
        ("factor(360)", "2**3 * 3 * 5"),
        ("factor(12)", "3 * 2**2"),
        ("0.1 + 0.2", "0.30000000000000004"),
    ],
)
def test_wrong_answers_are_found(expression: str, result: str) -> None:
    assert not is_right(expression, "ok", result)


@pytest.mark.parametrize("expression", ["1/0", "0 ** -1", "7 % 0", "isqrt(-1)", "gcd(1/2, 3)", "factor(0)"])
def test_undefined_expressions(expression: str) -> None:
    assert is_right(expression, "undefined", "whatever the reason")


@pytest.mark.parametrize(
    "expression", ["", "1 +", "__import__('os')", "x", "[1]", "1 if 1 else 2", "9 ** 9 ** 9"]
)
def test_what_it_does_not_know_is_said(expression: str) -> None:
    with pytest.raises(UnreadableError):
        is_right(expression, "ok", "1")
