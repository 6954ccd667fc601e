"""The limits of an expression, and the meter that stops work before it is done.

The sizes are chosen so that the worst admitted expression costs a few milliseconds of one core: then it can
be solved on the event loop, and no client can stall another. A unit of work is about a microsecond.
"""

from __future__ import annotations

from worker_node.solver.errors import Refused

MAX_LENGTH = 1_000
MAX_NESTING = 100
MAX_ARGUMENTS = 32
MAX_BITS = 4_096
MAX_DIGITS = 1_233
MAX_FACTORIAL = 500
MAX_FACTOR = 10**12
MAX_PRIME = 3_317_044_064_679_887_385_961_980  # Miller-Rabin with 13 bases is a proof below this
MAX_WORK = 4_000
_BIT_PAIRS_PER_UNIT = 18  # 2**18 pairs of bits multiplied, divided or reduced take about a microsecond


class Meter:
    """Work spent on one expression; `charge` refuses before the work that would exceed the budget."""

    __slots__ = ("spent",)

    def __init__(self) -> None:
        self.spent = 0

    def charge(self, units: int) -> None:
        """Reserve work about to be done; raises Refused when it does not fit."""
        if self.spent + units > MAX_WORK:
            raise Refused(f"the expression needs more than {MAX_WORK} units of work", "work", MAX_WORK)
        self.spent += units

    def charge_product(self, left_bits: int, right_bits: int) -> None:
        """Reserve a multiplication, division or reduction of numbers of these sizes."""
        self.charge(1 + (left_bits * right_bits >> _BIT_PAIRS_PER_UNIT))


def too_large() -> Refused:
    """A value would not fit."""
    return Refused(
        f"a value would have more than {MAX_DIGITS} digits ({MAX_BITS} bits)", "value bits", MAX_BITS
    )
