"""The reads over HTTP: real app, real database, tokens, refusals."""

import random
import secrets
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio
from msgspec import structs
from voc_common import auth
from voc_common.events import (
    Attribution,
    Cause,
    CauseNode,
    Decision,
    FeedbackClassified,
    Revision,
    Score,
    TaxonomyPublished,
    TenantConfigured,
)
from voc_common.postgres import Database, DataError
from voc_common.versions import attribution, decision, revision
from voc_scorecard.api import app
from voc_scorecard.domain.ranges import day_start
from voc_scorecard.handlers import counting, told

from .company import ZONE, local_day, random_company
from .test_law import run

Client = Callable[..., httpx.AsyncClient]
MINUTE = 60_000_000
DAY = 1440 * MINUTE


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(
    migrated_url: str, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Client]:
    keys: Path = tmp_path_factory.mktemp("keys") / "keys.json"
    auth.make_keys(keys)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", migrated_url)
        patch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
        patch.setenv("VOC_NAMESPACE", namespace)
        patch.setenv("VOC_AUTH_KEYS_FILE", str(keys))
        made = app()

    def of(tenant: str, *scopes: str, **claims: Any) -> httpx.AsyncClient:
        token = auth.mint(keys, tenant, "test", scopes or ("scorecard:read",), **claims)
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(made, raise_app_exceptions=False),
            base_url="http://scorecard",
            headers={"Authorization": f"Bearer {token}"},
        )

    async with made.router.lifespan_context(made):
        yield of


def feedback(tenant: str, number: int, at: int, **more: Any) -> FeedbackClassified:
    told_ = {"channel": "chat", "segment": "smb", "product": "app"} | more
    about = told_.pop("cause", "late")
    person, points = told_.pop("person", f"{number:032x}"), told_.pop("points", None)
    version = revision(at, at, b"")
    return FeedbackClassified(
        tenant=tenant,
        record_id=f"{number:032x}",
        revision=Revision(
            version=version,
            occurred_at=at,
            received_at=at,
            known_at=at,
            local_day=local_day(at),
            source="desk",
            kind="ticket",
            score=None if points is None else Score(points, 0, 10, "NPS", question="q"),
            **told_,
        ),
        attribution=Attribution(attribution(1, 1), person, person and "acme"),
        decision=Decision(decision(1, version, 0, 1), (Cause(about, 0.9),) if about else ()),
    )


async def shop(database: Database, name: str) -> int:
    """Two windows of a small shop's feedback up to today's noon, which is returned."""
    now = day_start(local_day(time.time_ns() // 1000), ZONE) + DAY // 2
    log: list[Any] = []
    for i in range(60):
        at = now - (i % 20) * DAY - MINUTE
        who = "" if i % 10 == 0 else f"{i % 45:032x}"
        log.append(feedback(name, i, at, person=who, points=float(10 - i % 4 * 3), cause="late"))
    log += [
        feedback(name, 100 + i, now - 40 * DAY - i, points=3.0, cause="rude") for i in range(31)
    ]
    log += [
        feedback(name, 200 + i, now - DAY, stakeholder="employee", team="blue") for i in range(4)
    ]
    log += [feedback(name, 300, now - DAY, suspect=True, points=0.0, cause="")]
    await run(database, log, random.Random(1), 1)
    zone = TenantConfigured(tenant=name, version=2, zone="Europe/Berlin")
    node = CauseNode("late", "Late delivery", ("delivery",), owner="logistics")
    published = TaxonomyPublished(tenant=name, version=1, nodes=(node,), published_at=now)
    await database.retried(lambda tx: told.tenant_configured(tx, [zone]))
    await database.retried(lambda tx: told.taxonomy_published(tx, [published]))
    return now


async def test_a_scorecard(database: Database, client: Client) -> None:
    await shop(database, "shop")
    answer = await client("shop").get("/v1/scorecard", params={"by": "cause", "window": "30d"})
    assert answer.status_code == 200
    card = answer.json()
    assert (card["zone"], card["suspect"], card["late"]) == ("Europe/Berlin", 1, 0)
    assert card["provisional"]
    assert card["whole"]["volume"] == {"records": 61, "people": 43, "without_person": 6}
    assert card["whole"]["before"] == {"records": 31, "people": 31, "without_person": 0}
    first = card["cells"][0]
    assert (first["cell"], first["value"], first["name"]) == ("cause:late", "late", "Late delivery")
    assert {c["cell"] for c in card["cells"]} == {"cause:late", "cause:rude", "cause:unknown"}
    (score,) = first["scores"]
    assert score["metric"] == "nps:q::transactional"
    # Points 10, 7, 4, 1 in turn. The people of i and i + 45 are one, whose later answer counts.
    assert score["n"] == card["whole"]["scores"][0]["n"] == 60 - 12
    assert score["low"] < score["value"] < score["high"]
    assert score["grey"]
    rude = next(c for c in card["cells"] if c["value"] == "rude")
    assert rude["volume"]["records"] == 0
    assert card["whole"]["scores"][0]["change"] == pytest.approx(score["value"] + 100)
    employees = await client("shop").get("/v1/scorecard?by=team&stakeholder=employee&window=7d")
    (team,) = employees.json()["cells"]
    assert (team["cell"], team["volume"], team["scores"]) == ("employee/team:blue", None, [])
    assert team["hidden"] == "fewer than 5 people"


async def test_a_series(database: Database, client: Client) -> None:
    now = await shop(database, "shop-series")
    # A range is rounded out to five minutes.
    since = now - 3 * DAY + 10 * MINUTE
    params = {"since": iso(since), "until": iso(now), "cell": "cause:late"}
    mine = client("shop-series")
    days = (await mine.get("/v1/series", params=params)).json()["points"]
    assert [p["volume"]["records"] for p in days][-1] == 3
    hours = (await mine.get("/v1/series", params=params | {"grain": "hour"})).json()["points"]
    whole = (await mine.get("/v1/series", params=params | {"grain": "whole"})).json()["points"]
    assert whole[0]["volume"]["records"] == 9
    assert sum(p["volume"]["records"] for p in hours) >= 9
    scores = await mine.get("/v1/series", params=params | {"metric": "nps:q::transactional"})
    values = [p["score"]["n"] for p in scores.json()["points"]]
    assert values[-1] == 48
    assert values == sorted(values)


async def test_every_point_of_a_series_of_scores_is_that_of_a_scorecard(
    database: Database, client: Client
) -> None:
    """Of windows of any length that end on any day, over the links that lie in, before and across them."""
    now = await shop(database, "shop-points")
    mine = client("shop-points")
    nps = "nps:q::transactional"
    for window, back in (("7d", 75), ("30d", 75), ("90d", 10)):
        params = {"since": iso(now - back * DAY), "until": iso(now), "window": window}
        told = await mine.get("/v1/series", params=params | {"cell": "all", "metric": nps})
        points = told.json()["points"]
        for n, point in list(enumerate(reversed(points)))[::7]:
            day = datetime.fromtimestamp((now - n * DAY) / 1e6, ZoneInfo("Europe/Berlin")).date()
            card = await mine.get("/v1/scorecard", params={"window": window, "end": str(day)})
            scores = [s for s in card.json()["whole"]["scores"] if s["metric"] == nps]
            assert point["score"]["n"] == sum(s["n"] for s in scores)
            assert [point["score"]["value"]][: len(scores)] == [s["value"] for s in scores]
        assert any(p["score"]["n"] for p in points)


async def test_drilling(database: Database, client: Client) -> None:
    now = await shop(database, "shop-drill")
    params = {"since": iso(now - 60 * DAY), "until": iso(now), "cell": "cause:late|segment:smb"}
    mine = client("shop-drill")
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await mine.get(
            "/v1/records", params=params | {"limit": 7} | ({"cursor": cursor} if cursor else {})
        )
        assert page.status_code == 200
        found += page.json()["items"]
        cursor = page.json()["next"]
    assert len(found) == len({r["record"] for r in found}) == 60
    assert [r["occurred_at"] for r in found] == sorted(r["occurred_at"] for r in found)
    assert found[0]["parts"]["causes"] == [{"id": "late", "p": 0.9}]
    employees = await mine.get("/v1/records", params=params | {"cell": "employee/all"})
    assert employees.status_code == 403
    unknown = await mine.get("/v1/records", params=params | {"cell": "cause:unknown"})
    assert [r["record"] for r in unknown.json()["items"]] == [f"{300:032x}"]


async def test_only_ones_own_tenant(database: Database, client: Client) -> None:
    made = random_company(9, "mine")
    await run(database, made.log, random.Random(9), 2)
    for path in (
        "/v1/scorecard?window=365d",
        "/v1/series?since=2026-03-01T00:00:00Z&until=2026-05-01T00:00:00Z",
        "/v1/records?since=2026-03-01T00:00:00Z&until=2026-05-01T00:00:00Z",
    ):
        mine, theirs = await client("mine").get(path), await client("theirs").get(path)
        assert mine.status_code == theirs.status_code == 200
        assert mine.json() != theirs.json()
        assert not any(record in theirs.text for record in made.greatest)
    nobody = (await client("theirs").get("/v1/scorecard?window=365d")).json()
    assert nobody["whole"]["volume"] == {"records": 0, "people": 0, "without_person": 0}
    assert nobody["cells"] == []


RANGE = "since=2026-03-01T00:00:00Z&until=2026-03-05T00:00:00Z"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/scorecard?by=mood", 422),
        ("/v1/scorecard?window=31d", 422),
        ("/v1/scorecard?end=0001-01-01", 422),
        ("/v1/scorecard?end=9999-12-31", 422),
        ("/v1/scorecard?as_of=2999-01-01T00:00:00Z", 422),
        ("/v1/scorecard?as_of=2026-01-01T00:00:00", 422),
        ("/v1/scorecard?as_of=0001-01-01T00:00:00Z", 422),
        ("/v1/scorecard?stakeholder=robot", 422),
        ("/v1/series", 422),
        (f"/v1/series?{RANGE}&cell=nonsense", 422),
        (f"/v1/series?{RANGE}&cell=cause:%00", 422),
        (f"/v1/series?{RANGE}&cell=cause:%ff", 200),
        (f"/v1/series?{RANGE}&metric=%00", 422),
        (f"/v1/series?{RANGE}&metric=nps:never:asked:relational", 200),
        (f"/v1/series?{RANGE}&metric=nps:q::relational&grain=hour", 422),
        ("/v1/series?since=2026-03-05T00:00:00Z&until=2026-03-01T00:00:00Z", 422),
        ("/v1/series?since=2000-03-05T00:00:00Z&until=2026-03-01T00:00:00Z", 422),
        ("/v1/series?since=9999-12-30T00:00:00Z&until=9999-12-31T23:00:00Z&grain=day", 422),
        (f"/v1/records?{RANGE}&cell=team:%00", 422),
        (f"/v1/records?{RANGE}&cell=activity:x|team:y", 200),
        (f"/v1/records?{RANGE}&limit=0", 422),
        (f"/v1/records?{RANGE}&cursor=nonsense", 400),
        (f"/v1/records?{RANGE}&cursor=WyJ4IiwxXQ", 400),
        (f"/v1/records?{RANGE}&cell={'x' * 600}", 422),
    ],
)
async def test_what_is_refused(client: Client, path: str, status: int) -> None:
    answer = await client("nobody").get(path)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]


async def test_who_may_not(client: Client) -> None:
    path = f"/v1/series?{RANGE}"
    assert (await client("t", "backlog:read").get(path)).status_code == 403
    assert (await client("t", seconds=-10).get(path)).status_code == 401
    forged = client("t")
    forged.headers["Authorization"] = forged.headers["Authorization"][:-6] + "aaaaaa"
    assert (await forged.get(path)).status_code == 401
    del forged.headers["Authorization"]
    assert (await forged.get(path)).status_code == 401


@pytest.mark.parametrize(
    "more",
    [
        {"channel": "a\x00b"},
        {"segment": secrets.token_hex(4500)},
        {"local_day": 2**40},
        {"occurred_at": 2**62},
        {"known_at": 2**70},
    ],
)
async def test_a_value_that_cannot_be_stored(database: Database, more: dict[str, Any]) -> None:
    """Refused as the data's fault, so that the stage dead-letters it instead of waiting for ever."""
    event = feedback("poison", 1, time.time_ns() // 1000)
    event = structs.replace(event, revision=structs.replace(event.revision, **more))
    with pytest.raises(DataError):
        await database.retried(lambda tx: counting.feedback_classified(tx, [event]))


async def test_repetition_changes_nothing(database: Database) -> None:
    event = feedback("again", 1, time.time_ns() // 1000)
    await database.retried(lambda tx: counting.feedback_classified(tx, [event]))
    async with database.transaction() as tx:
        one = await tx.rows(
            "select xmin, * from scorecard.volume where tenant = 'again' order by cell"
        )
    await database.retried(lambda tx: counting.feedback_classified(tx, [event]))
    async with database.transaction() as tx:
        two = await tx.rows(
            "select xmin, * from scorecard.volume where tenant = 'again' order by cell"
        )
    assert one
    assert one == two


def iso(at: int) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 1_000_000))
    return f"{seconds}.{at % 1_000_000:06d}Z"
