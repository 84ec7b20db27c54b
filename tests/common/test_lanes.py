"""Live before bulk: what an import may take while there is live work."""

import asyncio

import pytest
from voc_common import lanes
from voc_common.lanes import Lanes, Turns


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(lanes, "time", found)
    return found


def test_alone_an_import_never_rests(clock: Clock) -> None:
    found = Lanes()
    found.worked(3.0)
    assert found.rest() == 0
    assert not found.shared()


def test_beside_live_work_it_rests_five_times_as_long_as_it_worked(clock: Clock) -> None:
    found = Lanes()
    found.live()
    found.worked(0.2)
    assert found.rest() == pytest.approx(1.0)
    clock.now += 0.6
    assert found.rest() == pytest.approx(0.4)
    clock.now += 0.5
    assert found.rest() == 0
    assert found.shared()


def test_the_less_live_work_leaves_over_the_longer_it_rests(clock: Clock) -> None:
    found = Lanes()
    found.live()
    found.worked(0.2)
    clock.now += 0.6
    found.live(0.5)
    assert found.rest() == pytest.approx(0.9)
    clock.now += 0.3
    found.live(0.3)
    assert found.rest() == pytest.approx(0.9)
    clock.now += 0.9
    assert found.rest() == 0
    clock.now += 1.0
    found.live(0.5)
    assert found.rest() == 0, "a rest that has ended does not begin anew"


def test_where_live_work_leaves_nothing_over_it_goes_on_all_the_same(clock: Clock) -> None:
    found = Lanes()
    found.live()
    found.worked(0.2)
    resting = 0
    while found.rest():
        clock.now += 0.1
        found.live(0.1)
        resting += 1
        assert resting < 1000
    assert resting == pytest.approx(100, abs=2)


def test_many_live_requests_at_once_do_not_put_it_off_for_longer(clock: Clock) -> None:
    found = Lanes()
    found.live()
    found.worked(0.2)
    for _ in range(1000):
        found.live(1.0)
    assert found.rest() == pytest.approx(10.0)


def test_no_rest_is_longer_than_whoever_waits_for_it_would_wait(clock: Clock) -> None:
    found = Lanes()
    found.live()
    found.worked(3.0)
    found.live(60.0)
    assert found.rest() == pytest.approx(10.0)


def test_when_live_work_has_ended_it_goes_on_at_once(clock: Clock) -> None:
    found = Lanes()
    found.live()
    clock.now += 4.0
    found.worked(1.0)
    assert found.rest() == pytest.approx(5.0)
    clock.now += 2.0
    assert found.rest() == 0


def test_an_outage_that_it_sat_out_is_not_rested_for(clock: Clock) -> None:
    found = Lanes()
    found.live()
    found.worked(60.0)
    assert found.rest() == pytest.approx(5.0)


async def test_bulk_requests_have_turns_and_give_them_back_when_they_end_early() -> None:
    turns, inside, most = Turns(), 0, 0

    async def request() -> None:
        nonlocal inside, most
        async with turns:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(request() for _ in range(5)))
    assert most == 1
    async with turns:
        waiting = asyncio.create_task(request())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(request(), 5)
