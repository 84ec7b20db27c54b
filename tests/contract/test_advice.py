"""Refusals say what to do: the header that is missing, the fields and values that there are."""

from typing import Any

import pytest
from contract.apis import Apis
from contract.worlds import World, world

JSON = {"content-type": "application/json"}


async def refused(
    apis: Apis, service: str, route: str, content: bytes, scope: str, headers: dict[str, str] = JSON
) -> tuple[int, str]:
    """Status and detail of a refusal."""
    found: World = await world(apis, service)
    method, path = route.split()
    answer = await apis.http.request(
        method,
        apis.urls[service] + path,
        content=content,
        headers={**headers, "authorization": apis.token(found["tenant"], scope)},
    )
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["detail"]


FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("headers", [{}, FORM])
@pytest.mark.parametrize("route", ["POST /v1/replays", "PUT /v1/sources/x"])
async def test_json_that_is_not_announced_is_told_of_its_header(
    apis: Apis, route: str, headers: dict[str, str]
) -> None:
    status, said = await refused(apis, "ingest", route, b"{}", "sources:write", headers)
    assert (status, "send the header content-type: application/json" in said) == (422, True)


async def test_the_door_too_tells_of_the_header(apis: Apis) -> None:
    said = await refused(apis, "ingest", "POST /v1/feedback", b"{}", "feedback:write", FORM)
    assert said == (415, "send the header content-type: application/json")


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'{"cause": "late", "onwer": "ann"}', "cause, due_at, effort_days, evidence, note, owner"),
        (b'{"cause": "late", "evidence": {"persons": 1}}', "accounts, days_left, excess_per_day"),
    ],
)
async def test_an_unknown_field_is_told_of_the_others(apis: Apis, body: bytes, wanted: str) -> None:
    status, said = await refused(apis, "backlog", "POST /v1/items", body, "backlog:write")
    assert status == 422
    assert f"there is no such field; there are {wanted}" in said


ITEM = '{"source": "desk", "id": "1", "kind": "ticket", "text": "hello", %s}'


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ('"txt": 1', "fields are attributes, channel, created_at, id, identifiers, kind"),
        ('"stakeholder": "x"', "values are customer, employee, partner"),
        (
            '"score": {"kind": "nps", "value": 1, "min": 0, "max": 10}',
            "values are CES, CSAT, NPS, stars, thumbs",
        ),
        (
            '"identifiers": [{"type": "mail", "value": "x"}]',
            "values are account, email, external, name, phone",
        ),
        ('"identifiers": [{"typ": "email"}]', "fields are issuer, type, value, verified"),
        ('"created_at": "2026-03-01"', "such as 2026-03-01T10:00:00+01:00"),
    ],
)
async def test_an_item_at_the_door_is_told_what_there_is(
    apis: Apis, more: str, wanted: str
) -> None:
    body = (ITEM % more).encode()
    status, said = await refused(apis, "ingest", "POST /v1/feedback", body, "feedback:write")
    assert (status, wanted in said) == (422, True), said


async def test_paths_and_methods_that_there_are_not(apis: Apis) -> None:
    url = apis.urls["backlog"]
    answers: list[Any] = [
        (await apis.http.get(f"{url}/v1/nothing")).json(),
        (await apis.http.delete(f"{url}/v1/policy")).json(),
    ]
    assert [a["status"] for a in answers] == [404, 405]
    assert answers[0]["detail"] == "there is no such path here; GET /docs lists the routes"
    assert answers[1]["detail"] == "this path does not take DELETE; it takes GET"
