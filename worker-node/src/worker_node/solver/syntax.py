"""From text to a program in postfix order: one pass, no recursion, every error with its position.

The grammar is Python's for these operators: `**` binds tightest and to the right, then unary minus and plus,
then `* / // %`, then `+ -`. Nothing is computed here, so that `1/0 +` is a mistake and not an undefined
answer.
"""

from __future__ import annotations

import re
from fractions import Fraction

from worker_node.solver.errors import ExpressionSyntaxError, LimitError
from worker_node.solver.limits import MAX_ARGUMENTS, MAX_LENGTH, MAX_NESTING

Value = int | Fraction

ARITY = {
    "abs": (1, 1),
    "min": (1, MAX_ARGUMENTS),
    "max": (1, MAX_ARGUMENTS),
    "gcd": (1, MAX_ARGUMENTS),
    "lcm": (1, MAX_ARGUMENTS),
    "isqrt": (1, 1),
    "factorial": (1, 1),
    "comb": (2, 2),
    "isprime": (1, 1),
    "factor": (1, 1),
}
"""The functions, with the least and the greatest number of arguments."""

_TOKEN = re.compile(
    r"[ \t\r\n]*(?:([0-9]+(?:\.[0-9]*)?|\.[0-9]+)"  # 1: a number
    r"|([A-Za-z_][A-Za-z_0-9]*)[ \t\r\n]*(\(?)"  # 2, 3: a name and, unless it is a mistake, its parenthesis
    r"|(\*\*|//|[-+*/%(),])"  # 4: an operator or sign
    r"|([^ \t\r\n]))"  # 5: what does not belong here
)
_NUMBER, _CALL, _SIGN = 1, 3, 4
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2, "**": 4}
_UNARY_PRECEDENCE = 3

PUSH, BINARY, NEGATE, CALL = range(4)
"""What a step of a program does with the stack of values."""

Step = tuple[int, str, Value, int]
"""Code, operator or function, number pushed or count of arguments, position. Plain tuples: this is the hot
path.
"""


_Pending = tuple[str, int, int]
"""An operator or an opening parenthesis that waits for its right side: its name (an operator, `neg`, `pos`,
or before `(` a function's name, empty for plain parentheses), its precedence (0 for parentheses, which
nothing but `)` removes), its position.
"""


class _Parser:
    """The state of one pass: finished steps, waiting operators, and how many arguments each open call has
    had.
    """

    __slots__ = ("arguments", "expression", "steps", "waiting", "wants_operand")

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.steps: list[Step] = []
        self.waiting: list[_Pending] = []
        self.arguments: list[int] = []
        self.wants_operand = True

    def number(self, text: str, position: int) -> None:
        if not self.wants_operand:
            raise _unexpected(text, position, "an operator")
        self.steps.append((PUSH, "", int(text) if "." not in text else _decimal(text), position))
        self.wants_operand = False

    def call(self, name: str, parenthesis: str, position: int) -> None:
        if not self.wants_operand:
            raise _unexpected(name, position, "an operator")
        if name not in ARITY:
            raise ExpressionSyntaxError(
                f"{name[:40]} at position {position} is not a function; known are {', '.join(ARITY)}",
                position,
            )
        if not parenthesis:
            raise ExpressionSyntaxError(
                f"{name} at position {position} needs arguments in parentheses", position
            )
        self.open(name, position)

    def sign(self, text: str, position: int) -> None:
        """An operator, comma or parenthesis, by whether it begins an operand or follows one."""
        if self.wants_operand:
            if text == "(":
                self.open("", position)
            elif text == "-":
                self.waiting.append(("neg", _UNARY_PRECEDENCE, position))
            elif text == "+":
                self.waiting.append(("pos", _UNARY_PRECEDENCE, position))
            else:
                raise self._missing_operand(text, position)
        elif text == ")":
            self.close(position)
        elif text == ",":
            self.comma(position)
        elif text == "(":
            raise _unexpected(text, position, "an operator")
        else:
            self.infix(text, position)

    def open(self, function: str, position: int) -> None:
        if len(self.arguments) >= MAX_NESTING:
            raise LimitError(
                f"parentheses nest deeper than {MAX_NESTING} at position {position}",
                position,
                limit="nesting",
                allowed=MAX_NESTING,
            )
        self.waiting.append((function, 0, position))
        self.arguments.append(1)

    def infix(self, operator: str, position: int) -> None:
        precedence = _PRECEDENCE[operator]
        self._emit_down_to(precedence + (operator == "**"))
        self.waiting.append((operator, precedence, position))
        self.wants_operand = True

    def comma(self, position: int) -> None:
        self._emit_down_to(1)
        if not self.waiting or not self.waiting[-1][0]:
            raise ExpressionSyntaxError(f"the comma at position {position} separates no arguments", position)
        self.arguments[-1] += 1
        self.wants_operand = True

    def close(self, position: int) -> None:
        self._emit_down_to(1)
        if not self.waiting:
            raise ExpressionSyntaxError(f"the ) at position {position} closes nothing", position)
        function, _, opened = self.waiting.pop()
        count = self.arguments.pop()
        if function:
            _check_arity(function, opened, count)
            self.steps.append((CALL, function, count, opened))

    def finish(self) -> list[Step]:
        end = len(self.expression) + 1
        if self.wants_operand:
            what = "a number, a function or (" if self.steps or self.waiting else "an expression"
            raise ExpressionSyntaxError(f"{what} is missing at the end, position {end}", end)
        self._emit_down_to(1)
        if self.waiting:
            _, _, opened = self.waiting[-1]
            raise ExpressionSyntaxError(f"the ( at position {opened} is still open at position {end}", end)
        for _, name, _, position in self.steps[:-1]:
            if name == "factor":
                raise ExpressionSyntaxError(
                    f"factor at position {position} gives a product, not a number: it can only stand alone",
                    position,
                )
        return self.steps

    def _emit_down_to(self, precedence: int) -> None:
        waiting, steps = self.waiting, self.steps
        while waiting and waiting[-1][1] >= precedence:
            name, _, position = waiting.pop()
            if name == "neg":
                steps.append((NEGATE, "-", 0, position))
            elif name != "pos":
                steps.append((BINARY, name, 0, position))

    def _missing_operand(self, text: str, position: int) -> ExpressionSyntaxError:
        if text == ")" and self.waiting:
            name, precedence, opened = self.waiting[-1]
            is_empty_call = self.expression[: position - 1].rstrip(" \t\r\n").endswith("(")
            if name and precedence == 0 and is_empty_call:
                return _wrong_arity(name, opened, 0)
        return _unexpected(text, position, "a number, a function or (")


def parse(expression: str) -> list[Step]:
    """The program of an expression. Raises ExpressionSyntaxError or LimitError."""
    if len(expression) > MAX_LENGTH:
        raise LimitError(
            f"the expression has {len(expression)} characters, {MAX_LENGTH} are allowed; "
            f"it is cut off at position {MAX_LENGTH + 1}",
            MAX_LENGTH + 1,
            limit="length",
            allowed=MAX_LENGTH,
        )
    parser = _Parser(expression)
    for match in _TOKEN.finditer(expression):
        kind = match.lastindex
        if kind == _NUMBER:
            parser.number(match[1], match.start(1) + 1)
        elif kind == _SIGN:
            parser.sign(match[4], match.start(4) + 1)
        elif kind == _CALL:
            parser.call(match[2], match[3], match.start(2) + 1)
        else:
            position = match.start(5) + 1
            raise ExpressionSyntaxError(
                f"the character {_shown(match[5])} at position {position} does not belong in an expression",
                position,
            )
    return parser.finish()


def _check_arity(function: str, position: int, count: int) -> None:
    least, greatest = ARITY[function]
    if least <= count <= greatest:
        return
    if count > greatest == MAX_ARGUMENTS:
        raise LimitError(
            f"{function} at position {position} has {count} arguments, {MAX_ARGUMENTS} are allowed",
            position,
            limit="arguments",
            allowed=MAX_ARGUMENTS,
        )
    raise _wrong_arity(function, position, count)


def _wrong_arity(function: str, position: int, count: int) -> ExpressionSyntaxError:
    least, greatest = ARITY[function]
    wanted = f"{'' if least == greatest else 'at least '}{least} argument{'s' * (least > 1)}"
    return ExpressionSyntaxError(f"{function} at position {position} takes {wanted}, not {count}", position)


def _decimal(text: str) -> Value:
    whole, _, part = text.partition(".")
    value = Fraction(int(whole + part), 10 ** len(part))
    return value.numerator if value.denominator == 1 else value


def _unexpected(text: str, position: int, wanted: str) -> ExpressionSyntaxError:
    return ExpressionSyntaxError(f"{text[:40]} at position {position} stands where {wanted} should", position)


def _shown(character: str) -> str:
    return character if character.isascii() and character.isprintable() else f"U+{ord(character):04X}"
