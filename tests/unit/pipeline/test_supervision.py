"""A killed runner comes back at once, one that can't live less and less often, and in the end not at all."""

from __future__ import annotations

from autostack.pipeline.supervision import pause_s


def test_pauses_double_and_end() -> None:
    pauses = [pause_s(death) for death in range(1, 8)]
    assert pauses == [0.25, 0.5, 1, 2, 4, 8, None]
