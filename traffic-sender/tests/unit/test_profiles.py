"""Each profile's integral and its inverse agree, and agree with its rate."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traffic_sender.errors import RequestError
from traffic_sender.profiles import Constant, Profile, Ramp, Sine, Spike, Step, parse_profile

rates = st.floats(0, 5000).map(lambda value: round(value, 3))
seconds = st.floats(0.01, 500).map(lambda value: round(value, 3))


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """Any profile of moderate size."""
    tps = draw(rates)
    kind = draw(st.sampled_from(["constant", "step", "ramp", "sine", "spike"]))
    if kind == "step":
        step_tps = draw(st.floats(1, 2000))
        return Step(profile="step", tps=tps, step_tps=step_tps, every_s=draw(seconds), until_tps=draw(rates))
    if kind == "ramp":
        return Ramp(profile="ramp", tps=tps, to_tps=draw(rates), over_s=draw(seconds))
    if kind == "sine":
        share = draw(st.floats(0, 1))
        return Sine(profile="sine", tps=tps, amplitude_tps=tps * share, period_s=draw(seconds))
    if kind == "spike":
        every_s = draw(seconds)
        for_s = max(every_s * draw(st.floats(0.1, 0.9)), 0.001)
        return Spike(profile="spike", tps=tps, spike_tps=draw(rates), every_s=every_s, for_s=for_s)
    return Constant(tps=tps)


@given(profiles(), st.floats(0, 1000))
def test_when_is_the_inverse_of_expected(profile: Profile, arrivals: float) -> None:
    at_s = profile.when(arrivals)
    if math.isfinite(at_s):
        tolerance = 1e-6 * max(arrivals, 1) + 1e-9 * at_s * profile.rate(at_s)
        assert profile.expected(at_s) == pytest.approx(arrivals, abs=max(tolerance, 1e-5))


@given(profiles(), st.floats(0, 1000), st.floats(0, 10))
def test_arrivals_never_go_back(profile: Profile, arrivals: float, more: float) -> None:
    assert profile.when(arrivals + more) >= profile.when(arrivals) - 1e-9


@given(profiles(), st.floats(0, 1000))
def test_expected_is_the_integral_of_the_rate(profile: Profile, until_s: float) -> None:
    slices = 4000
    width = until_s / slices
    middles = (profile.rate((place + 0.5) * width) for place in range(slices))
    largest = max(profile.rate(place * width) for place in range(slices + 1))
    if isinstance(profile, Sine) and profile.period_s < 50 * width:
        return  # the sum over slices is too coarse to say anything
    jumps = 1 + until_s / getattr(profile, "every_s", math.inf) * 2
    allowed = width * max(largest, getattr(profile, "spike_tps", 0)) * jumps + 1e-6 * (1 + largest * until_s)
    assert profile.expected(until_s) == pytest.approx(sum(middles) * width, abs=allowed)


def test_a_rate_of_zero_never_arrives() -> None:
    assert Constant(tps=0).when(1) == math.inf
    assert Ramp(profile="ramp", tps=10, to_tps=0, over_s=1).when(5.1) == math.inf
    assert Spike(profile="spike", tps=0, spike_tps=0, every_s=2, for_s=1).when(1) == math.inf


def test_a_ramp_from_nothing_arrives_by_the_square_root() -> None:
    ramp = Ramp(profile="ramp", tps=0, to_tps=100, over_s=10)
    assert ramp.when(5) == pytest.approx(1.0)
    assert ramp.when(500) == pytest.approx(10.0)
    assert ramp.when(600) == pytest.approx(11.0)


def test_steps_may_go_down_and_end_at_the_asked_rate() -> None:
    step = Step(profile="step", tps=100, step_tps=40, every_s=1, until_tps=10)
    assert [step.rate(at_s + 0.5) for at_s in range(5)] == [100, 60, 20, 10, 10]


def test_a_spike_comes_at_the_end_of_each_period() -> None:
    spike = Spike(profile="spike", tps=10, spike_tps=100, every_s=10, for_s=2)
    assert [spike.rate(at_s) for at_s in (0, 7.9, 8, 9.9, 10)] == [10, 10, 100, 100, 10]
    assert spike.expected(20) == pytest.approx(560)


def test_a_profile_is_read_from_its_text() -> None:
    read = parse_profile(50, "sine:amplitude_tps=20,period_s=60")
    assert read == Sine(profile="sine", tps=50, amplitude_tps=20, period_s=60)
    assert parse_profile(50, "") == Constant(tps=50)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("square", "there is no profile 'square'"),
        ("sine:amplitude_tps=60,period_s=1", "amplitude_tps must be at most tps"),
        ("sine:amplitude_tps=20", "period_s: Field required"),
        ("ramp:to_tps=x,over_s=1", "to_tps 'x' is not a number"),
        ("ramp:to_tps", "to_tps has no value"),
        ("constant:burst=1", "burst: Extra inputs are not permitted"),
        ("spike:spike_tps=9,every_s=1,for_s=1", "for_s must be less than every_s"),
        ("step:step_tps=0,every_s=1,until_tps=100", "step_tps"),
        ("ramp:to_tps=nan,over_s=1", "to_tps"),
        ("ramp:to_tps=1,over_s=inf", "over_s"),
    ],
)
def test_an_unreadable_profile_is_refused_by_its_field(text: str, complaint: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_profile(50, text)
    assert complaint in str(caught.value)
