"""Operators on exact values: integers, and fractions where a division leaves one. Python's own rules for
`//`, `%` and `**`.

Each operator knows before it computes how large its result will be, and charges the meter for it; so the
price of an expression never depends on finding out that it was too dear.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from worker_node.solver.errors import Refused, Undefined
from worker_node.solver.limits import MAX_BITS, Meter, too_large
from worker_node.solver.syntax import Value

Operator = Callable[[Value, Value, Meter], Value]

_SMALL = 1 << 64


def size_bits(value: Value) -> int:
    """Bits of numerator and denominator together: what an operation on it costs grows with this."""
    if isinstance(value, int):
        return value.bit_length()
    return value.numerator.bit_length() + value.denominator.bit_length()


def fits(value: Value) -> Value:
    """The value in its simplest type; raises Refused when it is larger than an answer may be."""
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise too_large()
        return value
    if value.denominator == 1:
        return fits(value.numerator)
    if value.numerator.bit_length() > MAX_BITS or value.denominator.bit_length() > MAX_BITS:
        raise too_large()
    return value


def _charge(left: Value, right: Value, meter: Meter) -> None:
    if (
        isinstance(left, int)
        and isinstance(right, int)
        and -_SMALL < left < _SMALL
        and -_SMALL < right < _SMALL
    ):
        meter.charge(1)
    else:
        size = size_bits(left) + size_bits(right)
        meter.charge_product(size, size)


def add(left: Value, right: Value, meter: Meter) -> Value:
    """Sum."""
    _charge(left, right, meter)
    return fits(left + right)


def subtract(left: Value, right: Value, meter: Meter) -> Value:
    """Difference."""
    _charge(left, right, meter)
    return fits(left - right)


def multiply(left: Value, right: Value, meter: Meter) -> Value:
    """Product."""
    _charge(left, right, meter)
    return fits(left * right)


def divide(left: Value, right: Value, meter: Meter) -> Value:
    """Exact quotient, a fraction where it must be."""
    _charge(left, right, meter)
    if right == 0:
        raise Undefined("division by zero")
    return fits(
        Fraction(left) / right
        if isinstance(left, Fraction) or isinstance(right, Fraction)
        else _ratio(left, right)
    )


def floor_divide(left: Value, right: Value, meter: Meter) -> Value:
    """Quotient rounded down, as Python's `//`."""
    _charge(left, right, meter)
    if right == 0:
        raise Undefined("division by zero")
    return fits(left // right)


def remainder(left: Value, right: Value, meter: Meter) -> Value:
    """What floor division leaves; it has the divisor's sign, as Python's `%`."""
    _charge(left, right, meter)
    if right == 0:
        raise Undefined("remainder of a division by zero")
    return fits(left % right)


def power(left: Value, right: Value, meter: Meter) -> Value:
    """An integer power; a negative one of zero is undefined, and 0**0 is 1 as in Python."""
    if not isinstance(right, int):
        raise Refused("an exponent must be an integer, because other powers are not exact")
    if left == 0 and right < 0:
        raise Undefined("zero to a negative power")
    if left in (0, 1, -1):
        meter.charge(1)
        return left ** (right if left == 0 else right % 2)
    exponent = abs(right)
    if isinstance(left, int):
        least_bits, most_bits = (left.bit_length() - 1) * exponent, left.bit_length() * exponent
    else:
        larger = max(left.numerator.bit_length(), left.denominator.bit_length())
        least_bits, most_bits = (larger - 1) * exponent, 2 * larger * exponent
    if least_bits > MAX_BITS:
        raise too_large()
    meter.charge_product(most_bits, most_bits)
    return fits(Fraction(left) ** right if right < 0 else left**right)


def _ratio(left: int, right: int) -> Value:
    quotient, rest = divmod(left, right)
    return Fraction(left, right) if rest else quotient


OPERATORS: dict[str, Operator] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "//": floor_divide,
    "%": remainder,
    "**": power,
}
