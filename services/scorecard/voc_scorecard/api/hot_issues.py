"""Routes of hot issues: what is hot now, why it is believed, who has it, and what people say of it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field
from voc_common.auth import Principal
from voc_common.http import Page, Problem, caller, cursor, read_cursor
from voc_common.http.times import iso

from voc_scorecard.handlers import hot_issues

router = APIRouter(prefix="/v1/hot-issues", tags=["hot issues"])

Reader = Annotated[Principal, Depends(caller("scorecard:read"))]
Ident = Annotated[str, Path(pattern="^[0-9a-f]{24}$")]
OPEN = ("new", "escalating", "ongoing", "regressed")
State = Literal["new", "escalating", "ongoing", "regressed", "resolved", "withdrawn"]


class NowOut(BaseModel):
    """People in the window that says most, against the expectation with its 80 % range."""

    window_hours: float
    people: int
    expected: float
    expected_low: int
    expected_high: int


class ReachOut(BaseModel):
    """Whom it touched since the onset; `revenue_known_share` of the accounts have a known revenue."""

    people: int
    accounts: int
    revenue: float
    revenue_known_share: float


class WhereOut(BaseModel):
    """A segment or product that is hot: people over people expected."""

    dimension: str
    value: str
    lift: float


class ItemOut(BaseModel):
    """The backlog item that was filed for it."""

    item: str
    state: str
    owner: str
    title: str


class HotIssueOut(BaseModel):
    """A hot issue in one object."""

    issue: str
    version: int
    title: str
    state: State
    scope: dict[str, str]
    onset: str
    onset_from: str
    onset_to: str
    detected_at: str
    seen_at: str = Field(description="the last time that it was hot")
    now: NowOut
    p_real: float
    volume_ratio: float
    reach: ReachOut
    where: list[WhereOut]
    ruled_out: list[str]
    records: list[str] = Field(
        description="the latest ones; texts are read at taxonomy with `text:read`"
    )
    item: ItemOut | None
    owner: str = Field(description="owner of the item, else of the cause")


class WatchOut(BaseModel):
    """How far the tenant's time has been judged; null: not at all. False `current`: something is still to be judged."""

    judged_through: str | None
    current: bool


class VerdictIn(BaseModel, extra="forbid"):
    """What a person says of a hot issue; the detector learns from it."""

    verdict: Literal["real", "known", "noise", "wrong cause"]
    note: str = Field(default="", max_length=2000)


class VerdictOut(BaseModel):
    """What a person said of a hot issue."""

    verdict: str
    note: str
    made_by: str
    made_at: str


@router.get("")
async def list_hot_issues(
    request: Request,
    who: Reader,
    state: Annotated[list[State] | None, Query(description="open ones if not given")] = None,
    least_people: Annotated[int, Query(ge=0, le=1_000_000)] = 3,
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Page[HotIssueOut]:
    """Hot issues, one per outbreak, the latest detected first."""
    at, issue = read_cursor(cursor_, 2**62, "")
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        rows = await hot_issues.page(
            tx, who.tenant, state or OPEN, least_people, (at, issue), limit
        )
    more = cursor(rows[-1][0].detected_at, rows[-1][0].issue) if len(rows) == limit else None
    return Page(items=[_out(r, owner) for r, owner in rows], next=more)


@router.get("/watch")
async def get_watch(request: Request, who: Reader) -> WatchOut:
    """How far hot issues have been looked for. A history load is judged as a whole, when it is complete."""
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        judged, current = await hot_issues.progress(tx, who.tenant)
    return WatchOut(judged_through=None if judged is None else iso(judged), current=current)


@router.get("/{issue}")
async def get_hot_issue(request: Request, who: Reader, issue: Ident) -> HotIssueOut:
    """A hot issue."""
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        row = await hot_issues.one(tx, who.tenant, issue)
    if row is None:
        raise Problem(404, f"there is no hot issue {issue}")
    return _out(*row)


@router.get("/{issue}/verdicts")
async def list_verdicts(request: Request, who: Reader, issue: Ident) -> Page[VerdictOut]:
    """What people said of a hot issue."""
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        if await hot_issues.one(tx, who.tenant, issue) is None:
            raise Problem(404, f"there is no hot issue {issue}")
        rows = await hot_issues.verdicts(tx, who.tenant, issue)
    return Page(
        items=[
            VerdictOut(
                verdict=r.verdict, note=r.note, made_by=r.made_by, made_at=r.made_at.isoformat()
            )
            for r in rows
        ]
    )


@router.put("/{issue}/verdict")
async def put_verdict(
    request: Request,
    who: Annotated[Principal, Depends(caller("backlog:write"))],
    issue: Ident,
    body: VerdictIn,
) -> VerdictIn:
    """Say what a hot issue is; a later word of the same person replaces it."""
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        if await hot_issues.one(tx, who.tenant, issue) is None:
            raise Problem(404, f"there is no hot issue {issue}")
        await hot_issues.say(tx, who.tenant, issue, body.verdict, body.note, who.subject)
    return body


def _out(row: Any, owner: str) -> HotIssueOut:
    e: dict[str, Any] = row.evidence
    item = row.item
    return HotIssueOut(
        issue=row.issue,
        version=row.version,
        title=e["title"],
        state=row.state,
        scope=e["scope"],
        onset=iso(row.onset),
        onset_from=iso(e["onset_from"]),
        onset_to=iso(e["onset_to"]),
        detected_at=iso(row.detected_at),
        seen_at=iso(row.seen_at),
        now=NowOut(**e["now"]),
        p_real=round(row.p_real, 4),
        volume_ratio=e["volume_ratio"],
        reach=ReachOut(
            people=e["people"],
            accounts=e["accounts"],
            revenue=e["revenue"],
            revenue_known_share=e["revenue_known_share"],
        ),
        where=[WhereOut(**w) for w in e["where"]],
        ruled_out=e["ruled_out"],
        records=e["records"],
        item=ItemOut(
            item=item["item"], state=item["state"], owner=item["owner"], title=item["title"]
        )
        if item
        else None,
        owner=item["owner"] if item else owner,
    )
