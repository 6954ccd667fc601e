"""A service's life goes forward only, and readiness needs every check."""

import asyncio

import pytest
from service_kit import Lifecycle, Phase, ServiceKitError


def test_a_life_goes_forward_only() -> None:
    life = Lifecycle()
    life.advance(Phase.DRAINING)
    life.advance(Phase.DRAINING)
    with pytest.raises(ServiceKitError, match="cannot go back from DRAINING to READY"):
        life.advance(Phase.READY)


def test_it_is_ready_only_in_its_phase_and_with_every_check() -> None:
    life = Lifecycle()
    trouble: list[str | None] = ["no connection"]
    life.add_check("store", lambda: trouble[0])
    assert life.unready_reasons() == {"phase": "starting"}
    life.advance(Phase.READY)
    assert life.unready_reasons() == {"store": "no connection"}
    trouble[0] = None
    assert life.unready_reasons() == {}
    life.advance(Phase.DRAINING)
    assert life.unready_reasons() == {"phase": "draining"}


async def test_who_waits_for_a_phase_wakes_at_it_or_a_later_one() -> None:
    life = Lifecycle()
    waiting = asyncio.create_task(life.wait_for(Phase.DRAINING))
    await asyncio.sleep(0)
    assert not waiting.done()
    life.advance(Phase.CLOSED)
    await asyncio.wait_for(waiting, 5)
