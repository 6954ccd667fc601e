"""Why an expression gets no answer.

ExpressionError              the client's mistake: a 4xx that names the position; nothing is stored
├── ExpressionSyntaxError    it is not an expression
├── NotExactError            it is one, whose value has no exact form here (2**0.5)
└── LimitError               it is one, and would cost more than is allowed
Undefined                    not a mistake: the answer is that there is none (1/0); it is stored

Positions count characters from 1, as a person does.
"""

from __future__ import annotations


class ExpressionError(Exception):
    """A refusal of one expression."""

    kind = "bad-expression"

    def __init__(self, detail: str, position: int) -> None:
        super().__init__(detail)
        self.detail = detail
        self.position = position


class ExpressionSyntaxError(ExpressionError):
    """Something at this position cannot stand there."""


class NotExactError(ExpressionError):
    """The value is neither an integer nor a fraction."""

    kind = "not-exact"


class LimitError(ExpressionError):
    """A limit would be exceeded at this position; nothing was computed beyond it."""

    kind = "limit-exceeded"

    def __init__(self, detail: str, position: int, *, limit: str, allowed: int) -> None:
        super().__init__(detail, position)
        self.limit = limit
        self.allowed = allowed


class Undefined(Exception):  # noqa: N818 - an answer, not an error
    """The expression has no value; `reason` is what the answer says."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refused(Exception):  # noqa: N818 - becomes an ExpressionError as soon as the position is known
    """Arithmetic will not compute this, and does not know where in the text it is; `limit` names the
    limit.
    """

    def __init__(self, detail: str, limit: str = "", allowed: int = 0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.limit = limit
        self.allowed = allowed

    def at(self, position: int) -> ExpressionError:
        """The error that the client sees."""
        detail = f"{self.detail}, at position {position}"
        if not self.limit:
            return NotExactError(detail, position)
        return LimitError(detail, position, limit=self.limit, allowed=self.allowed)
