"""The report: one HTML page that needs nothing but itself. Pure."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from autostack.resilience.chart import Chart, Mark, draw
from autostack.resilience.experiment import Proof
from autostack.resilience.journal import summary
from autostack.resilience.samples import Point

_TEMPLATE = "report.html.j2"


def render(proof: Proof) -> str:
    """The page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    charts = [Markup(draw(chart)) for chart in _charts(proof)]  # noqa: S704 - our own drawing, its texts escaped
    return environment.get_template(_TEMPLATE).render(proof=proof, summary=summary(proof), charts=charts)


def _charts(proof: Proof) -> list[Chart]:
    phases = proof.phases
    points: list[Point] = [*phases.baseline, *phases.attack, *phases.recovery]
    marks = [Mark(kill.at_s, f"{kill.pod} killed at {kill.at_s:.1f} s") for kill in proof.recording.kills]
    band = (proof.recording.attack_begins_s, proof.recording.attack_ends_s)
    return [
        Chart(
            "Problems acknowledged per second", "problems/s", [(p.at_s, p.tps) for p in points], marks, band
        ),
        Chart(
            "P95 latency, from the scheduled time to the acknowledged answer",
            "milliseconds",
            [(p.at_s, None if p.p95_s is None else p.p95_s * 1000) for p in points],
            marks,
            band,
        ),
    ]
