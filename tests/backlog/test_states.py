"""The state machine: only the ways of the table, nothing closed unverified, every act on the trail."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voc_backlog.domain import acts, states
from voc_backlog.domain.ground import Policy
from voc_backlog.domain.items import new_item

from tests.backlog.conftest import DAY, NOW

POLICY = Policy()
FILED = msgspec.structs.replace(new_item(("acme", "late", "", ""), 1), state="filed", owner="lea")

wishes = st.builds(
    acts.Wish,
    to=st.sampled_from(states.STATES),
    why=st.sampled_from(["", "  ", "because"]),
    until=st.sampled_from([0, NOW - DAY, NOW + 1000 * DAY]),
    verification=st.sampled_from(["", " ", "numbers fell"]),
)


def test_every_state_can_be_reached_and_left():
    reached = {"filed", "detected"}
    for _ in states.STATES:
        reached |= {s.to for r in reached for s in states.STEPS[r]}
    assert reached == set(states.STATES) == set(states.STEPS)
    assert all(states.STEPS.values())


@given(st.lists(st.tuples(wishes, st.integers(0, 40)), max_size=25))
def test_any_walk_keeps_to_the_table(walk: list[tuple[acts.Wish, int]]):
    item, now = FILED, NOW
    path = ["filed"]
    rework = 0
    for wish, days in walk:
        now += days * DAY
        step = states.step(item.state, wish.to)
        try:
            after = acts.move(item, wish, now, POLICY)
        except acts.NotAllowed:
            assert step is None
            continue
        except acts.Unfit:
            assert step is not None
            continue
        assert step is not None
        assert after.said == wish.to
        # What the machine makes of it, as long as no outbreak wakes it.
        after = msgspec.structs.replace(after, state=after.said)
        if after.state == "closed":
            assert path[-1] in {"verified", "rolled_out"}
            assert after.verification.strip()
        if after.state == "declined":
            assert after.until > now
            assert wish.why.strip()
        else:
            assert after.until == 0
        if step.back or (path[-1] == "closed" and now <= item.said_at + 60 * DAY):
            rework += 1
        assert after.reworked == rework
        assert after.said_at == after.acted_at == now
        item = after
        path.append(after.state)


def test_reopened_work_has_to_be_verified_again():
    item = FILED
    for state in ("triaged", "in_progress", "piloting", "verified", "closed", "reopened"):
        why = acts.Wish(to=state, why="x", verification="y" if state == "closed" else "")  # type: ignore[arg-type]
        item = acts.move(item, why, NOW, POLICY)
        item = msgspec.structs.replace(item, state=item.said)
    assert (item.verification, item.reworked) == ("", 1)


def test_a_wish_with_what_it_has_no_place_for_is_refused():
    with pytest.raises(acts.Unfit, match="until"):
        acts.move(FILED, acts.Wish(to="triaged", until=NOW + DAY), NOW, POLICY)
    with pytest.raises(acts.Unfit, match="verified"):
        acts.move(FILED, acts.Wish(to="triaged", verification="x"), NOW, POLICY)


Client = Callable[..., Any]


async def walk(desk: Any, tenant: str, choose: Callable[[list[Any]], Any]) -> list[str]:
    """Take whatever step the API offers, with what it says that it needs; returns the path."""
    client = desk.client(tenant)
    item = (await client.post("/v1/items", json={"cause": "late"})).json()
    path = [item["state"]]
    for _ in range(12):
        action = choose(item["actions"])
        given = {"why": "because", "until": "2099-01-01T00:00:00Z", "verification": "numbers fell"}
        body = {"to": action["to"], "version": item["version"]}
        answer = await client.post(
            f"/v1/items/{item['item']}/transitions",
            json=body | {n: given[n] for n in action["needs"]},
        )
        assert answer.status_code == 200, answer.text
        item = answer.json()
        path.append(item["state"])
    trail = (await client.get(f"/v1/items/{item['item']}/trail")).json()["items"]
    assert [t["to_state"] for t in reversed(trail)] == path
    assert [t["from_state"] for t in reversed(trail)][1:] == path[:-1]
    assert {t["made_by"] for t in trail} == {"kim"}
    return path


@pytest.mark.parametrize("turn", range(4))
async def test_what_the_api_offers_can_be_done(desk: Any, tenant: str, turn: int) -> None:
    numbers = iter(range(turn, 100))
    path = await walk(desk, tenant, lambda offered: offered[next(numbers) % len(offered)])
    assert len(path) == 13


async def test_what_the_api_does_not_offer_is_refused(desk: Any, tenant: str) -> None:
    client = desk.client(tenant)
    item = (await client.post("/v1/items", json={"cause": "late"})).json()
    offered = {a["to"] for a in item["actions"]}
    statuses: dict[str, Awaitable[Any]] = {}
    for state in states.STATES:
        if state not in offered:
            answer = await client.post(
                f"/v1/items/{item['item']}/transitions",
                json={"to": state, "why": "x", "version": item["version"]},
            )
            statuses[state] = answer.status_code
            assert answer.headers["content-type"] == "application/problem+json"
            assert "triaged" in answer.json()["detail"], "it says where an item can go"
    assert set(statuses.values()) == {409}
    assert (await client.get(f"/v1/items/{item['item']}")).json()["version"] == item["version"]
