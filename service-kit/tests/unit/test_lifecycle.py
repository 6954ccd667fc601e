"""A service's life goes forward only, and readiness needs every check."""

import asyncio

import pytest
from service_kit import Lifecycle, Phase, ServiceKitError, background


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


async def test_background_work_that_ends_unasked_fails_the_service() -> None:
    life = Lifecycle()
    life.advance(Phase.READY)

    async def breaks() -> None:
        raise RuntimeError("gone")

    async with background(life, "tail", breaks()):
        assert await asyncio.wait_for(life.failed(), 5) == "tail ended: RuntimeError"
        assert life.unready_reasons() == {"failure": "tail ended: RuntimeError"}


async def test_background_work_that_is_told_to_end_fails_nothing() -> None:
    life = Lifecycle()
    life.advance(Phase.READY)
    async with background(life, "tail", asyncio.sleep(3600)) as task:
        assert task.get_name() == "tail"
    assert task.cancelled()
    assert life.unready_reasons() == {}


def test_the_first_failure_is_the_one_that_is_told() -> None:
    life = Lifecycle()
    life.fail("first")
    life.fail("second")
    assert life.failure == "first"
