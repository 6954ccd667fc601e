"""An expression's answer: exact text, and a decimal beside it when the answer is a fraction."""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from worker_node.solver.arithmetic import OPERATORS
from worker_node.solver.errors import Refused, Undefined
from worker_node.solver.functions import FUNCTIONS, factor
from worker_node.solver.limits import Meter
from worker_node.solver.syntax import BINARY, NEGATE, PUSH, Step, Value, parse

DECIMAL_DIGITS = 30
_DECIMALS = Context(prec=DECIMAL_DIGITS)


Status = Literal["ok", "undefined"]


class Answer(NamedTuple):
    """`result` is exact (`7`, `-3/4`, `2**3 * 5`), or the reason when undefined; `decimal` is rounded to 30
    digits.
    """

    status: Status
    result: str
    decimal: str | None = None


def solve(expression: str, meter: Meter | None = None) -> Answer:
    """Answer one expression; raises ExpressionError when it cannot be one or would cost too much."""
    steps = parse(expression)
    meter = meter or Meter()
    try:
        value = _evaluate(steps, meter)
    except Undefined as undefined:
        return Answer("undefined", undefined.reason)
    if isinstance(value, Fraction):
        decimal = _DECIMALS.divide(Decimal(value.numerator), Decimal(value.denominator))
        return Answer("ok", f"{value.numerator}/{value.denominator}", str(decimal))
    return Answer("ok", str(value))


def _evaluate(steps: list[Step], meter: Meter) -> Value | str:
    stack: list[Value] = []
    for code, name, value, position in steps:
        if code == PUSH:
            stack.append(value)
            continue
        try:
            if code == BINARY:
                right = stack.pop()
                stack[-1] = OPERATORS[name](stack[-1], right, meter)
            elif code == NEGATE:
                stack[-1] = -stack[-1]
            else:
                count = int(value)
                arguments = stack[-count:]
                del stack[-count:]
                if name == "factor":
                    return factor(arguments, meter)  # the parser lets it stand alone only
                stack.append(FUNCTIONS[name](arguments, meter))
        except Refused as refused:
            raise refused.at(position) from None
    return stack[0]
