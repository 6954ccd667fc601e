"""Load profiles: how many problems should have arrived by a moment, in closed form.

A profile is a rate over time, given by its integral (`expected`) and the inverse of that (`when`). Working
with the integral instead of the rate is what makes an open loop exact: arrival n is due at `when(n)`, however
late or seldom the clock is looked at, and nothing accumulates rounding. The price is that each profile needs
an integral that can be inverted, so there are five and not a scripting language.

Pure: time comes in as seconds since the profile began.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from traffic_sender.errors import RequestError

TPS_LIMIT = 50_000
SECONDS_LIMIT = 86_400
STEPS_LIMIT = 10_000
NAMES = ("constant", "step", "ramp", "sine", "spike")

Tps = Annotated[float, Field(ge=0, le=TPS_LIMIT, allow_inf_nan=False, description="problems per second")]
Seconds = Annotated[float, Field(ge=0.001, le=SECONDS_LIMIT, allow_inf_nan=False, description="seconds")]


def _divide(arrivals: float, tps: float) -> float:
    if arrivals <= 0:
        return 0.0
    return arrivals / tps if tps > 0 else math.inf


class _Profile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Constant(_Profile):
    """The same rate all the time; 0 pauses."""

    profile: Literal["constant"] = "constant"
    tps: Tps

    def rate(self, at_s: float) -> float:
        """Problems per second at a moment."""
        del at_s
        return self.tps

    def expected(self, at_s: float) -> float:
        """Arrivals from 0 to a moment."""
        return self.tps * at_s

    def when(self, arrivals: float) -> float:
        """The moment at which `expected` reaches a number; infinite when it never does."""
        return _divide(arrivals, self.tps)


class Step(_Profile):
    """From `tps` to `until_tps` in steps of `step_tps`, one every `every_s`; then it stays."""

    profile: Literal["step"]
    tps: Tps
    step_tps: Annotated[
        float, Field(ge=0.001, le=TPS_LIMIT, allow_inf_nan=False, description="height of a step")
    ]
    every_s: Seconds
    until_tps: Tps

    @model_validator(mode="after")
    def _check_steps(self) -> Step:
        if abs(self.until_tps - self.tps) / self.step_tps > STEPS_LIMIT:
            raise ValueError(f"from tps to until_tps there are more than {STEPS_LIMIT} steps; raise step_tps")
        return self

    @property
    def _steps(self) -> int:
        return math.ceil(abs(self.until_tps - self.tps) / self.step_tps)

    def _rate_of(self, step: int) -> float:
        if step >= self._steps:
            return self.until_tps
        return self.tps + step * math.copysign(self.step_tps, self.until_tps - self.tps)

    def _expected_before(self, step: int) -> float:
        """Arrivals before a step begins: the sum of an arithmetic series."""
        rise = math.copysign(self.step_tps, self.until_tps - self.tps)
        return self.every_s * (step * self.tps + rise * step * (step - 1) / 2)

    def rate(self, at_s: float) -> float:
        """Problems per second at a moment."""
        return self._rate_of(int(at_s / self.every_s))

    def expected(self, at_s: float) -> float:
        """Arrivals from 0 to a moment."""
        step = min(int(at_s / self.every_s), self._steps)
        return self._expected_before(step) + self._rate_of(step) * (at_s - step * self.every_s)

    def when(self, arrivals: float) -> float:
        """The moment at which `expected` reaches a number; infinite when it never does."""
        low, high = 0, self._steps
        while low < high:
            middle = (low + high + 1) // 2
            if self._expected_before(middle) <= arrivals:
                low = middle
            else:
                high = middle - 1
        return low * self.every_s + _divide(arrivals - self._expected_before(low), self._rate_of(low))


class Ramp(_Profile):
    """From `tps` to `to_tps` in a straight line over `over_s`; then it stays."""

    profile: Literal["ramp"]
    tps: Tps
    to_tps: Tps
    over_s: Seconds

    def rate(self, at_s: float) -> float:
        """Problems per second at a moment."""
        return self.tps + (self.to_tps - self.tps) * min(at_s / self.over_s, 1.0)

    def expected(self, at_s: float) -> float:
        """Arrivals from 0 to a moment."""
        rising = min(at_s, self.over_s)
        risen = self.tps * rising + (self.to_tps - self.tps) * rising * rising / (2 * self.over_s)
        return risen + self.to_tps * (at_s - rising)

    def when(self, arrivals: float) -> float:
        """The moment at which `expected` reaches a number; infinite when it never does."""
        risen = (self.tps + self.to_tps) / 2 * self.over_s
        if arrivals >= risen:
            return self.over_s + _divide(arrivals - risen, self.to_tps)
        if arrivals <= 0:
            return 0.0
        square = self.tps * self.tps + 2 * (self.to_tps - self.tps) / self.over_s * arrivals
        return min(2 * arrivals / (self.tps + math.sqrt(max(square, 0.0))), self.over_s)


class Sine(_Profile):
    """Around `tps` by ± `amplitude_tps`, once every `period_s`, upwards first."""

    profile: Literal["sine"]
    tps: Tps
    amplitude_tps: Tps
    period_s: Seconds

    @model_validator(mode="after")
    def _check_amplitude(self) -> Sine:
        if self.amplitude_tps > self.tps:
            raise ValueError("amplitude_tps must be at most tps, because a rate cannot be negative")
        return self

    def rate(self, at_s: float) -> float:
        """Problems per second at a moment."""
        return self.tps + self.amplitude_tps * math.sin(math.tau * at_s / self.period_s)

    def expected(self, at_s: float) -> float:
        """Arrivals from 0 to a moment."""
        phase = math.tau * (at_s % self.period_s) / self.period_s
        return self.tps * at_s + self.amplitude_tps * self.period_s / math.tau * (1 - math.cos(phase))

    def when(self, arrivals: float) -> float:
        """The moment at which `expected` reaches a number; infinite when it never does.

        Whole periods are exact; within one, Newton's method, kept inside a bracket because the rate may be 0.
        """
        if arrivals <= 0 or self.tps == 0:
            return _divide(arrivals, self.tps)
        periods, rest = divmod(arrivals, self.tps * self.period_s)
        low, high = 0.0, self.period_s
        at_s = rest / self.tps
        for _ in range(80):
            excess = self.expected(at_s) - rest
            low, high = (low, at_s) if excess > 0 else (at_s, high)
            rate = self.rate(at_s)
            guess = at_s - excess / rate if rate > 0 else low
            at_s, before = guess if low < guess < high else (low + high) / 2, at_s
            if abs(at_s - before) < 1e-12 * self.period_s:
                break
        return periods * self.period_s + at_s


class Spike(_Profile):
    """`tps`, and in the last `for_s` of every `every_s` a spike of `spike_tps`."""

    profile: Literal["spike"]
    tps: Tps
    spike_tps: Tps
    every_s: Seconds
    for_s: Seconds

    @model_validator(mode="after")
    def _check_length(self) -> Spike:
        if self.for_s >= self.every_s:
            raise ValueError("for_s must be less than every_s, or there is nothing between the spikes")
        return self

    @property
    def _calm_s(self) -> float:
        return self.every_s - self.for_s

    @property
    def _per_period(self) -> float:
        return self.tps * self._calm_s + self.spike_tps * self.for_s

    def rate(self, at_s: float) -> float:
        """Problems per second at a moment."""
        return self.tps if at_s % self.every_s < self._calm_s else self.spike_tps

    def expected(self, at_s: float) -> float:
        """Arrivals from 0 to a moment."""
        periods, rest_s = divmod(at_s, self.every_s)
        calm_s = min(rest_s, self._calm_s)
        return periods * self._per_period + self.tps * calm_s + self.spike_tps * (rest_s - calm_s)

    def when(self, arrivals: float) -> float:
        """The moment at which `expected` reaches a number; infinite when it never does."""
        if arrivals <= 0 or self._per_period == 0:
            return _divide(arrivals, 0.0)
        periods, rest = divmod(arrivals, self._per_period)
        calm = self.tps * self._calm_s
        if rest <= calm and self.tps > 0:
            within_s = rest / self.tps
        else:
            within_s = self._calm_s + _divide(rest - calm, self.spike_tps)
        return periods * self.every_s + min(within_s, self.every_s)


def _profile_name(value: Any) -> str | None:
    name = value.get("profile", "constant") if isinstance(value, dict) else getattr(value, "profile", None)
    return name if isinstance(name, str) else None


Profile: TypeAlias = Annotated[
    Annotated[Constant, Tag("constant")]
    | Annotated[Step, Tag("step")]
    | Annotated[Ramp, Tag("ramp")]
    | Annotated[Sine, Tag("sine")]
    | Annotated[Spike, Tag("spike")],
    Discriminator(_profile_name),
]

_ADAPTER: TypeAdapter[Profile] = TypeAdapter(Profile)


def parse_profile(tps: float, text: str) -> Profile:
    """A profile as a command line or variable gives it: `sine:amplitude_tps=200,period_s=60`.

    Raises RequestError that names the field.
    """
    name, _, rest = text.partition(":")
    name = name.strip() or "constant"
    if name not in NAMES:
        raise RequestError(f"there is no profile {name[:40]!r}; there are {', '.join(NAMES)}")
    fields: dict[str, str | float] = {"profile": name, "tps": tps}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        try:
            fields[key.strip()] = float(value)
        except ValueError:
            complaint = f"{value[:40]!r} is not a number" if equals else "has no value; write name=number"
            raise RequestError(f"profile {name}: {key.strip()[:40]} {complaint}") from None
    try:
        return _ADAPTER.validate_python(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part)[:40] for part in first["loc"][1:])
        told = first["msg"].removeprefix("Value error, ")
        raise RequestError(f"profile {name}: {f'{where}: ' if where else ''}{told}") from None
