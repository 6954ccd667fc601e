"""The functions of an expression: abs min max gcd lcm isqrt factorial comb isprime factor.

Most are for integers; of another number they are undefined, which is an answer. Sizes are checked before
computing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from worker_node.solver.arithmetic import fits, size_bits
from worker_node.solver.errors import Refused, Undefined
from worker_node.solver.limits import (
    MAX_BITS,
    MAX_FACTOR,
    MAX_FACTORIAL,
    MAX_PRIME,
    Meter,
    too_large,
)
from worker_node.solver.number_theory import factorize, is_prime
from worker_node.solver.syntax import Value

Function = Callable[[Sequence[Value], Meter], Value]

_PRIME_UNITS = 400
_FACTOR_UNITS = 2_000
_LGAMMA_IS_GOOD = 1 << 30


def _integers(name: str, values: Sequence[Value]) -> list[int]:
    integers = [value for value in values if isinstance(value, int)]
    if len(integers) != len(values):
        raise Undefined(f"{name} of a number that is not an integer")
    return integers


def _absolute(values: Sequence[Value], meter: Meter) -> Value:
    meter.charge(1)
    value: Value = values[0] if values[0] >= 0 else -values[0]
    return value


def _smallest(values: Sequence[Value], meter: Meter) -> Value:
    _charge_comparisons(values, meter)
    return min(values)


def _largest(values: Sequence[Value], meter: Meter) -> Value:
    _charge_comparisons(values, meter)
    return max(values)


def _charge_comparisons(values: Sequence[Value], meter: Meter) -> None:
    widest = max(size_bits(value) for value in values)
    for _ in values:
        meter.charge_product(widest, widest)


def _gcd(values: Sequence[Value], meter: Meter) -> Value:
    result = 0
    for value in _integers("gcd", values):
        meter.charge_product(result.bit_length() + 64, value.bit_length() + 64)
        result = math.gcd(result, value)
    return result


def _lcm(values: Sequence[Value], meter: Meter) -> Value:
    result = 1
    for value in _integers("lcm", values):
        meter.charge_product(2 * result.bit_length() + 64, value.bit_length() + 64)
        result = math.lcm(result, value)
        fits(result)
    return result


def _isqrt(values: Sequence[Value], meter: Meter) -> Value:
    (number,) = _integers("isqrt", values)
    if number < 0:
        raise Undefined("isqrt of a negative number")
    meter.charge_product(number.bit_length(), number.bit_length())
    return math.isqrt(number)


def _factorial(values: Sequence[Value], meter: Meter) -> Value:
    (number,) = _integers("factorial", values)
    if number < 0:
        raise Undefined("factorial of a negative number")
    if number > MAX_FACTORIAL:
        raise Refused(f"factorial is limited to {MAX_FACTORIAL}", "factorial", MAX_FACTORIAL)
    meter.charge(1 + number // 8)
    return math.factorial(number)


def _comb(values: Sequence[Value], meter: Meter) -> Value:
    total, chosen = _integers("comb", values)
    if total < 0 or chosen < 0:
        raise Undefined("comb of a negative number")
    chosen = min(chosen, total - chosen)
    if chosen < 0:
        return 0
    bits = _comb_bits(total, chosen)
    if bits > MAX_BITS + 1:
        raise too_large()
    meter.charge(1 + (chosen * (bits + total.bit_length()) >> 13))
    return fits(math.comb(total, chosen))


def _comb_bits(total: int, chosen: int) -> int:
    """The size of comb(total, chosen), to within a few bits from below; `chosen` is at most half of
    `total`.
    """
    if chosen > MAX_BITS:
        return chosen  # each of its steps at least doubles the result
    if total < _LGAMMA_IS_GOOD:
        log = math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)
        return int(log / math.log(2))
    return chosen * (total.bit_length() - 1 - chosen.bit_length())


def _isprime(values: Sequence[Value], meter: Meter) -> Value:
    (number,) = _integers("isprime", values)
    if number > MAX_PRIME:
        raise Refused(
            f"isprime is limited to {MAX_PRIME}, above which it would be a guess", "isprime", MAX_PRIME
        )
    meter.charge(_PRIME_UNITS if number >= 1 << 16 else 10)
    return int(is_prime(number))


def factor(values: Sequence[Value], meter: Meter) -> str:
    """A product of prime powers as text; it is itself an expression, whose value is the number."""
    (number,) = _integers("factor", values)
    if number == 0:
        raise Undefined("factor of zero")
    if abs(number) > MAX_FACTOR:
        raise Refused(f"factor is limited to {MAX_FACTOR}", "factor", MAX_FACTOR)
    meter.charge(_FACTOR_UNITS)
    factors = [f"{p}**{e}" if e > 1 else str(p) for p, e in factorize(abs(number))]
    return " * ".join((["-1"] if number < 0 else []) + factors) or "1"


FUNCTIONS: dict[str, Function] = {
    "abs": _absolute,
    "min": _smallest,
    "max": _largest,
    "gcd": _gcd,
    "lcm": _lcm,
    "isqrt": _isqrt,
    "factorial": _factorial,
    "comb": _comb,
    "isprime": _isprime,
}
