"""Problems are the same for a seed, of the kinds asked for, and go wrong only when they are meant to."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traffic_sender.errors import RequestError
from traffic_sender.problems import DEFAULT_WEIGHTS, KINDS, Mix, parse_weights


@given(st.integers(0, 2**32), st.integers(0, 2**40 - 1), st.integers(0, 2**40 - 1))
def test_a_problem_depends_on_seed_and_number_alone(seed: int, sequence: int, other: int) -> None:
    mix = Mix(seed, DEFAULT_WEIGHTS, undefined_share=0.1, invalid_share=0.1)
    used = random.Random()
    mix.problem(other, used)
    assert mix.problem(sequence, used) == mix.problem(sequence, random.Random(5))


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_weighted_kind_is_drawn(kind: str) -> None:
    mix = Mix(1, {kind: 0.3, **{other: 0 for other in KINDS if other != kind}})
    assert {mix.problem(sequence, random.Random()).kind for sequence in range(200)} == {kind}


def test_the_shares_are_what_was_asked_for() -> None:
    mix, draw = Mix(3, DEFAULT_WEIGHTS, undefined_share=0.2, invalid_share=0.1), random.Random()
    drawn = [mix.problem(sequence, draw).expectation for sequence in range(20_000)]
    assert drawn.count("undefined") / len(drawn) == pytest.approx(0.2, abs=0.02)
    assert drawn.count("invalid") / len(drawn) == pytest.approx(0.1, abs=0.02)


def _evaluate(expression: str) -> object:
    names = {
        "gcd": math.gcd, "lcm": math.lcm, "isqrt": math.isqrt, "factorial": math.factorial, "comb": math.comb,
        "abs": abs, "min": min, "max": max, "isprime": bool, "factor": int,
    }  # fmt: skip
    return eval(expression, {"__builtins__": {}}, names)  # noqa: S307 - only what our own generator drew


def test_what_is_meant_to_be_defined_is_and_what_is_not_is_not() -> None:
    mix, draw = Mix(11, DEFAULT_WEIGHTS, undefined_share=0.3, invalid_share=0.3), random.Random()
    for sequence in range(5_000):
        problem = mix.problem(sequence, draw)
        if problem.expectation == "ok":
            _evaluate(problem.expression)
        elif problem.expectation == "undefined":
            with pytest.raises(ZeroDivisionError):
                _evaluate(problem.expression)
        else:
            with pytest.raises((SyntaxError, NameError)):
                _evaluate(problem.expression)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (({"algebra": 1.0}, 0, 0), "unknown kind of problem 'algebra'"),
        (({"prime": 0.0}, 0, 0), "one must be above 0"),
        (({"prime": float("nan")}, 0, 0), "numbers from 0 on"),
        (({"prime": 1.0}, 0.7, 0.7), "at most 1 together"),
        (({"prime": 1.0}, -0.1, 0), "from 0 to 1"),
    ],
)
def test_a_mix_that_cannot_be_drawn_is_refused(
    arguments: tuple[dict[str, float], float, float], complaint: str
) -> None:
    with pytest.raises(RequestError, match=complaint):
        Mix(1, *arguments)


def test_weights_are_read_from_their_text() -> None:
    assert parse_weights("prime=2, power=0.5") == {"prime": 2.0, "power": 0.5}
    assert parse_weights("") == DEFAULT_WEIGHTS
    with pytest.raises(RequestError, match="kind=number"):
        parse_weights("prime")
