"""Math problems: problem n of a seed is always the same one.

Each problem is drawn from a generator seeded with (seed, sequence), so a ledger's bitmap together with the
seed says what every stored expression must be, and a retry needs nothing but the number. Kinds are weighted.
What is meant to be defined never divides by zero, and what is meant to be undefined or invalid always is, so
the shares asked for are the shares sent.

Pure: the generator is passed in and reseeded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol

from traffic_sender.errors import RequestError

Expectation = Literal["ok", "undefined", "invalid"]


class Draw(Protocol):
    """The part of `random.Random` that problems are drawn with."""

    def seed(self, a: int) -> None:
        """Begin again."""

    def random(self) -> float:
        """From 0 to below 1."""

    def randint(self, a: int, b: int) -> int:
        """A whole number, both ends included."""


def _one_of(draw: Draw, *texts: str) -> str:
    return texts[int(draw.random() * len(texts))]


def _arithmetic(draw: Draw) -> str:
    terms = [str(draw.randint(-999, 999)) for _ in range(draw.randint(2, 5))]
    text = terms[0]
    for term in terms[1:]:
        text += f" {_one_of(draw, '+', '-', '*')} {f'({term})' if term[0] == '-' else term}"
    return text


def _decimal(draw: Draw) -> str:
    left = f"{draw.randint(0, 9999)}.{draw.randint(0, 999)}"
    return f"{left} {_one_of(draw, '+', '-', '*')} 0.{draw.randint(1, 99)}"


def _fraction(draw: Draw) -> str:
    first = f"{draw.randint(-99, 99)}/{draw.randint(1, 99)}"
    return f"{first} {_one_of(draw, '+', '-')} {draw.randint(1, 99)}/{draw.randint(1, 99)}"


def _power(draw: Draw) -> str:
    return f"{_one_of(draw, '', '-')}{draw.randint(1, 30)} ** {draw.randint(0, 12)}"


def _division(draw: Draw) -> str:
    return f"{draw.randint(-(10**6), 10**6)} {_one_of(draw, '//', '%', '/')} {draw.randint(1, 999)}"


def _nested(draw: Draw) -> str:
    text = str(draw.randint(1, 9))
    for _ in range(draw.randint(2, 8)):
        text = f"({text} {_one_of(draw, '+', '-', '*')} {draw.randint(1, 9)})"
    return f"-{text}" if draw.random() < 0.3 else text


def _function(draw: Draw) -> str:
    name = _one_of(draw, "abs", "min", "max", "gcd", "lcm", "isqrt", "factorial", "comb")
    if name == "abs":
        return f"abs({draw.randint(-999, 999)})"
    if name == "isqrt":
        return f"isqrt({draw.randint(0, 10**9)})"
    if name == "factorial":
        return f"factorial({draw.randint(0, 25)})"
    if name == "comb":
        return f"comb({draw.randint(0, 40)}, {draw.randint(0, 40)})"
    return f"{name}({draw.randint(1, 9999)}, {draw.randint(1, 9999)})"


def _prime(draw: Draw) -> str:
    return f"{_one_of(draw, 'isprime', 'factor')}({draw.randint(2, 10**6)})"


def _undefined(draw: Draw) -> str:
    number = draw.randint(1, 999)
    return _one_of(draw, f"{number} / 0", f"{number} % (3 - 3)", "0 ** -1", f"{number} // (0 * 7)")


def _invalid(draw: Draw) -> str:
    number = draw.randint(1, 999)
    return _one_of(
        draw, f"{number} +", f"({number}", f"{number} $ 2", f"sine({number})", f"{number} {number}"
    )


KINDS: Mapping[str, Callable[[Draw], str]] = MappingProxyType(
    {
        "arithmetic": _arithmetic,
        "decimal": _decimal,
        "fraction": _fraction,
        "power": _power,
        "division": _division,
        "nested": _nested,
        "function": _function,
        "prime": _prime,
    }
)
DEFAULT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "arithmetic": 4, "decimal": 2, "fraction": 2, "power": 1,
        "division": 2, "nested": 2, "function": 2, "prime": 1,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """What is sent, and what is expected of it."""

    expression: str
    kind: str
    expectation: Expectation


@dataclass(frozen=True)
class Mix:
    """Which problems are drawn: seed, weights by kind, and the shares (0 to 1) meant to go wrong."""

    seed: int
    weights: Mapping[str, float]
    undefined_share: float = 0.0
    invalid_share: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        unknown = sorted(set(self.weights) - set(KINDS))
        if unknown:
            raise RequestError(f"unknown kind of problem {unknown[0][:40]!r}; there are {', '.join(KINDS)}")
        if any(not 0 <= weight < float("inf") for weight in self.weights.values()) or not any(
            self.weights.values()
        ):
            raise RequestError("the weights of the kinds must be numbers from 0 on, and one must be above 0")
        if not (0 <= self.undefined_share <= 1 and 0 <= self.invalid_share <= 1):
            raise RequestError("the undefined and the invalid share must be from 0 to 1")
        if self.undefined_share + self.invalid_share > 1:
            raise RequestError("the undefined and the invalid share must be at most 1 together")

    def problem(self, sequence: int, draw: Draw) -> Problem:
        """Problem number `sequence`."""
        draw.seed(self.seed << 40 | sequence)
        share = draw.random()
        if share < self.invalid_share:
            return Problem(_invalid(draw), "invalid", "invalid")
        if share < self.invalid_share + self.undefined_share:
            return Problem(_undefined(draw), "undefined", "undefined")
        kind = self._kind(draw.random() * sum(self.weights.values()))
        return Problem(KINDS[kind](draw), kind, "ok")

    def _kind(self, mark: float) -> str:
        positive = [(kind, weight) for kind, weight in self.weights.items() if weight > 0]
        for kind, weight in positive:
            mark -= weight
            if mark < 0:
                return kind
        return positive[-1][0]


def parse_weights(text: str) -> Mapping[str, float]:
    """Weights as a variable gives them: `arithmetic=4,prime=1`; empty means the usual mix."""
    weights: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        kind, _, weight = part.partition("=")
        try:
            weights[kind.strip()] = float(weight)
        except ValueError:
            raise RequestError(f"weight {part[:40]!r} must be written kind=number") from None
    return weights or DEFAULT_WEIGHTS
