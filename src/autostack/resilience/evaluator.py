"""An independent opinion on an answer: Python's own parser and `fractions`. Pure.

It shares no line with the solver that it judges, so that an error in one is not an error in both. It is
slower, which is why it may stand only outside the system.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable
from fractions import Fraction

_MAX_EXPONENT = 100_000
_FACTORS = re.compile(r"[-0-9* ]+", re.ASCII)
_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)  # decide primality below 3.3e24


class UndefinedError(ArithmeticError):
    """The expression has no value."""


class UnreadableError(ValueError):
    """The expression is not one that this evaluator knows."""


def is_right(expression: str, status: str, result: str) -> bool:
    """Whether the stored status and result are those of the expression; raises UnreadableError."""
    tree = _parse(expression)
    try:
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "factor":
            return _is_factorization(_evaluate(tree.args[0], expression), result) and status == "ok"
        value = _evaluate(tree, expression)
    except (UndefinedError, ZeroDivisionError):
        return status == "undefined"
    return status == "ok" and Fraction(result) == value


def _parse(expression: str) -> ast.expr:
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableError(f"cannot read {expression[:80]!r}") from error


def _evaluate(node: ast.expr, source: str) -> Fraction:
    match node:
        case ast.Constant():
            text = ast.get_source_segment(source.strip(), node) or ""
            return Fraction(text.replace("_", ""))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand, source)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _evaluate(operand, source)
        case ast.BinOp(left=left, op=symbol, right=right):
            return _binary(symbol, _evaluate(left, source), _evaluate(right, source))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return Fraction(_FUNCTIONS[name](*(_evaluate(argument, source) for argument in arguments)))
    raise UnreadableError(f"cannot read {ast.unparse(node)[:80]!r}")


def _binary(symbol: ast.operator, left: Fraction, right: Fraction) -> Fraction:
    known = _OPERATORS.get(type(symbol))
    if known is None:
        raise UnreadableError(f"unknown operator {type(symbol).__name__}")
    return Fraction(known(left, right))


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        raise UndefinedError("a root is not exact")
    if abs(exponent) > _MAX_EXPONENT and abs(base) not in (0, 1):
        raise UnreadableError("the exponent is too large to check")
    return Fraction(base**exponent.numerator)


def _whole(value: Fraction) -> int:
    if value.denominator != 1:
        raise UndefinedError("not an integer")
    return value.numerator


def _natural(value: Fraction) -> int:
    number = _whole(value)
    if number < 0:
        raise UndefinedError("negative")
    return number


def _is_prime(number: int) -> bool:
    """Miller–Rabin with fixed witnesses."""
    if number < 2:
        return False
    for prime in _WITNESSES:
        if number % prime == 0:
            return number == prime
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(_passes(witness, odd, twos, number) for witness in _WITNESSES)


def _passes(witness: int, odd: int, twos: int, number: int) -> bool:
    power = pow(witness, odd, number)
    if power in (1, number - 1):
        return True
    for _ in range(twos - 1):
        power = power * power % number
        if power == number - 1:
            return True
    return False


def _is_factorization(value: Fraction, text: str) -> bool:
    """`-1 * 2**3 * 5`: ascending primes whose product is the number."""
    number = _whole(value)
    if number == 0:
        raise UndefinedError("factor of zero")
    if not _FACTORS.fullmatch(text):
        return False
    terms = text.split(" * ")
    product, last = 1, 0
    if terms[0] == "-1":
        product, terms = -1, terms[1:]
    for term in terms if terms != ["1"] else []:
        prime, _, exponent = term.partition("**")
        if int(prime) <= last or not _is_prime(int(prime)):
            return False
        last = int(prime)
        product *= last ** int(exponent or 1)
    return product == number


_FUNCTIONS: dict[str, Callable[..., int | Fraction]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "gcd": lambda *values: math.gcd(*map(_whole, values)),
    "lcm": lambda *values: math.lcm(*map(_whole, values)),
    "isqrt": lambda value: math.isqrt(_natural(value)),
    "factorial": lambda value: math.factorial(_natural(value)),
    "comb": lambda total, chosen: math.comb(_natural(total), _natural(chosen)),
    "isprime": lambda value: int(_is_prime(_whole(value))),
}

_OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction | int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
