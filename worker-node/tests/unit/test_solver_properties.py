"""The solver agrees with Python's fractions, and no text makes it do anything but answer or refuse."""

from __future__ import annotations

import ast
import math
import operator
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st
from worker_node.solver import Answer, ExpressionError, solve

Value = int | Fraction

BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: Fraction(a) / Fraction(b),
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: lambda a, b: Fraction(a) ** b,
}
FUNCTIONS = {"abs": abs, "min": min, "max": max}


def by_python(node: ast.expr) -> Value:
    """Evaluate Python's own syntax tree with fractions: a second opinion on grammar and arithmetic."""
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -by_python(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return by_python(operand)
        case ast.BinOp(left=left, op=op, right=right):
            value: Value = BINARY[type(op)](by_python(left), by_python(right))
            return value
        case ast.Call(func=ast.Name(id=name), args=arguments):
            result: Value = (
                FUNCTIONS[name](*map(by_python, arguments))
                if len(arguments) > 1
                else abs(by_python(arguments[0]))
            )
            return result
    raise AssertionError(ast.dump(node))


def outcome(expression: str) -> Answer | ExpressionError:
    """What solving comes to, either way."""
    try:
        return solve(expression)
    except ExpressionError as error:
        return error


spaces = st.sampled_from(["", " ", "\t", " \n "])
numbers = st.integers(0, 10**6).map(str)


def combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "//", "%"])
    return st.one_of(
        st.tuples(inner, spaces, operators, spaces, inner).map("".join),
        st.tuples(inner, st.just("**"), st.sampled_from(["0", "1", "2", "-1", "3", "-2"])).map("".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-{text}"),
        inner.map(lambda text: f"abs({text})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
    )


expressions = st.recursive(numbers, combined, max_leaves=12)


@given(expressions)
@example("0**2**-1")
def test_it_agrees_with_python(expression: str) -> None:
    source = expression.replace("\n", " ").strip()
    literals = " ".join(source.split())
    answer = outcome(expression)
    try:
        # Python refuses leading zeros, which no generated number has
        expected = by_python(ast.parse(literals, mode="eval").body)
    except ZeroDivisionError:
        assert isinstance(answer, Answer)
        assert answer.status == "undefined"
        return
    except OverflowError:  # a fraction as exponent, and too much for the float by which Python answers it
        expected = math.inf
    if isinstance(answer, ExpressionError):
        exact = isinstance(expected, int | Fraction)
        assert answer.kind in ({"limit-exceeded"} if exact else {"limit-exceeded", "not-exact"})
        return
    assert answer.status == "ok"
    assert Fraction(answer.result) == expected
    assert (answer.decimal is None) == (Fraction(expected).denominator == 1)
    if answer.decimal is not None:
        error_allowed = abs(Fraction(expected)) / 10**29
        assert abs(Fraction(answer.decimal) - Fraction(expected)) <= error_allowed


@given(st.integers(1, 10**12))
def test_a_factorization_is_an_expression_of_the_number_in_primes(number: int) -> None:
    result = solve(f"factor({number})").result
    assert solve(result).result == str(number)
    for power in result.split(" * "):
        assert number == 1 or solve(f"isprime({power.partition('**')[0]})").result == "1"


@given(st.integers(0, 10**7))
def test_isprime_agrees_with_trial_division(number: int) -> None:
    expected = number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))
    assert solve(f"isprime({number})").result == str(int(expected))


@given(st.integers(0, 400), st.integers(0, 400))
def test_integer_functions_agree_with_math(a: int, b: int) -> None:
    for name, expected in {
        f"gcd({a}, {b})": math.gcd(a, b),
        f"lcm({a}, {b})": math.lcm(a, b),
        f"comb({a}, {b})": math.comb(a, b),
        f"factorial({a})": math.factorial(a),
        f"isqrt({a}**{b % 9})": math.isqrt(a ** (b % 9)),
    }.items():
        assert solve(name).result == str(expected)


@given(st.text())
def test_any_text_is_answered_or_refused(text: str) -> None:
    result = outcome(text)
    assert isinstance(result, Answer) or 1 <= result.position <= len(text) + 1


@given(st.text(alphabet="0123456789.+-*/%(), \tabcfgilmnoprstxy", max_size=60))
def test_any_text_of_its_own_alphabet_is_answered_or_refused(text: str) -> None:
    result = outcome(text)
    assert isinstance(result, Answer) or 1 <= result.position <= len(text) + 1
