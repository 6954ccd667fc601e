"""The solver: an expression in, an exact answer out, at a cost that is bounded before it is spent."""

from worker_node.solver.answer import Answer, Status, solve
from worker_node.solver.errors import ExpressionError, ExpressionSyntaxError, LimitError

__all__ = ["Answer", "ExpressionError", "ExpressionSyntaxError", "LimitError", "Status", "solve"]
