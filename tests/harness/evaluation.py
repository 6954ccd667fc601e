"""A second opinion on every answer: Python's own parser and `fractions`, nothing of the worker's solver.

It trusts its input (problems that our own generator made), which a worker must not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction

_NUMBER = re.compile(r"(?<![A-Za-z_\d.])(\d+\.?\d*|\.\d+)")


def _whole(function: Callable[..., int]) -> Callable[..., Fraction]:
    def applied(*arguments: Fraction) -> Fraction:
        if any(argument.denominator != 1 for argument in arguments):
            raise ValueError("not an integer")
        return Fraction(function(*(argument.numerator for argument in arguments)))

    return applied


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


_NAMES: dict[str, object] = {
    "F": Fraction,
    "abs": abs,
    "min": min,
    "max": max,
    "gcd": _whole(math.gcd),
    "lcm": _whole(math.lcm),
    "isqrt": _whole(math.isqrt),
    "factorial": _whole(math.factorial),
    "comb": _whole(math.comb),
    "isprime": _whole(_is_prime),
}


def evaluate(expression: str) -> Fraction:
    """The value of an expression; raises ZeroDivisionError or ValueError where it has none."""
    exact = _NUMBER.sub(r"F('\1')", expression)
    value = eval(exact, {"__builtins__": {}}, _NAMES)  # noqa: S307 - see the module's docstring
    return Fraction(value)


def is_right(expression: str, status: str, result: str) -> bool:
    """Whether a stored answer is the right one."""
    if expression.startswith("factor("):
        return status == "ok" and _is_factorisation(int(expression[7:-1]), result)
    try:
        value = evaluate(expression)
    except (ZeroDivisionError, ValueError):
        return status == "undefined"
    return status == "ok" and result == str(value)


def _is_factorisation(number: int, result: str) -> bool:
    """Ascending prime powers whose product is the number."""
    powers = [part.partition("**") for part in result.split(" * ")] if result != "1" else []
    primes = [int(prime) for prime, _, _ in powers]
    product = math.prod(int(prime) ** int(exponent or "1") for prime, _, exponent in powers)
    return product == number and primes == sorted(set(primes)) and all(map(_is_prime, primes))
