"""Routes of items."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from msgspec import UNSET
from pydantic import BaseModel, Field, model_validator
from voc_common.auth import Principal
from voc_common.http import Page, Problem, caller, cursor, read_cursor
from voc_common.http.times import Moment, micros
from voc_common.postgres import Transaction

from voc_backlog.api.preconditions import IfMatch, Seen, Version, etag, seen
from voc_backlog.api.shapes import (
    ItemOut,
    ItemView,
    TrailOut,
    flag_out,
    issue_out,
    item_out,
    trail_out,
)
from voc_backlog.domain.acts import Edit, Wish
from voc_backlog.domain.issues import LATEST
from voc_backlog.domain.items import Item
from voc_backlog.domain.states import State
from voc_backlog.handlers import items

router = APIRouter(prefix="/v1", tags=["backlog"])

Reader = Annotated[Principal, Depends(caller("backlog:read"))]
Writer = Annotated[Principal, Depends(caller("backlog:write"))]
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="32 hexadecimal digits")]
Cursor = Annotated[str | None, Query(alias="cursor", max_length=500)]
Name = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Owner = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f]+$")]
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Text = Annotated[str, Field(max_length=4000, pattern=r"^[^\x00]*$")]
Number = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Effort = Annotated[float, Field(ge=0.01, le=3650, allow_inf_nan=False)]


class Evidence(BaseModel, extra="forbid"):
    """Numbers that the person knows; the rank uses them where no hot issue says better."""

    people: Number | None = None
    excess_per_day: Number | None = Field(default=None, description="contacts per day too many")
    accounts: Number | None = None
    revenue: Number | None = Field(default=None, description="of these accounts, as far as known")
    revenue_known_share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    days_left: Number | None = Field(default=None, description="how long it would go on")


class FlagIn(BaseModel, extra="forbid"):
    """A defect that a person has seen. Title, owner, effort and due date are for a new item only."""

    cause: Name = ""
    stage: Name = ""
    product: Name = ""
    note: Text = ""
    evidence: Evidence = Evidence()
    title: Title | None = None
    owner: Owner | None = None
    effort_days: Effort | None = None
    due_at: Moment | None = None

    @model_validator(mode="after")
    def about_something(self) -> "FlagIn":
        """An item is about something."""
        if not (self.cause or self.stage or self.product):
            raise ValueError("say what it is about: cause, stage or product")
        return self


class MoveIn(BaseModel, extra="forbid"):
    """A step to another state; `actions` of the item says which there are and what they need."""

    to: State
    why: Text = ""
    until: Moment | None = None
    verification: Text = ""
    version: Version = None


class EditIn(BaseModel, extra="forbid"):
    """What is not given stays; `null` gives a field back to routing, taxonomy or policy."""

    owner: Owner | None = None
    title: Title | None = None
    effort_days: Effort | None = None
    due_at: Moment | None = None
    why: Text = ""
    version: Version = None


def _time(value: datetime | None, name: str) -> int:
    """Microseconds, 0 for none; raises `Problem` beyond 1970 to 2100."""
    if value is None:
        return 0
    found = micros(value, name)
    if not 0 < found < LATEST:
        raise Problem(422, f"{name} must lie between 1970 and 2100")
    return found


def _edit(body: FlagIn | EditIn) -> Edit:
    given = body.model_fields_set
    due = _time(body.due_at, "due_at") or None
    return Edit(
        owner=body.owner if "owner" in given else UNSET,
        title=body.title if "title" in given else UNSET,
        effort=body.effort_days if "effort_days" in given else UNSET,
        due_at=due if "due_at" in given else UNSET,
    )


def _may_write(who: Principal) -> bool:
    return "backlog:write" in who.scopes


@router.post("/items", status_code=201, responses={200: {"description": "added to an item"}})
async def flag_defect(request: Request, response: Response, who: Writer, body: FlagIn) -> ItemOut:
    """Flag a defect: adds evidence to the item about it (200), or files a new one (201)."""
    subject = (who.tenant, body.cause, body.stage, body.product)
    told = body.evidence.model_dump(exclude_none=True)
    change = _edit(body)

    async def use(tx: Transaction) -> tuple[Item, bool]:
        return await items.flag(tx, subject, body.note, told, who.subject, change)

    item, new = await request.app.state.voc.database.retried(use, who.tenant)
    response.status_code = 201 if new else 200
    response.headers.update(etag(item.version))
    response.headers["Location"] = f"/v1/items/{item.item}"
    return item_out(item, may_write=True)


@router.get("/items")
async def list_items(
    request: Request,
    who: Reader,
    state: Annotated[
        list[State] | None,
        Query(max_length=11, description="repeat for several; default: all open"),
    ] = None,
    owner: Annotated[str | None, Query(max_length=128, pattern=r"^[^\x00]*$")] = None,
    stage: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")] = None,
    cursor_: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[ItemOut]:
    """Items by falling priority."""
    priority, item = read_cursor(cursor_, 0.0, "")
    after = (priority, item) if cursor_ else None
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        found = await items.page(
            tx, who.tenant, states=state or [], owner=owner, stage=stage, after=after, limit=limit
        )
        occupied = await items.occupied(tx, found)
    write = _may_write(who)
    shown = [item_out(i, may_write=write, occupied=i.item in occupied) for i in found]
    following = cursor(found[-1].priority, found[-1].item) if len(found) == limit else None
    return Page(items=shown, next=following)


@router.get("/items/{item}")
async def get_item(request: Request, response: Response, who: Reader, item: Id) -> ItemView:
    """An item with its latest evidence and trail."""
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        view = await items.view(tx, who.tenant, item)
        occupied = await items.occupied(tx, [view.item])
    response.headers.update(etag(view.item.version))
    out = item_out(view.item, may_write=_may_write(who), occupied=bool(occupied))
    return ItemView(
        **out.model_dump(),
        evidence=[issue_out(i) for i in view.issues],
        flagged=[flag_out(f) for f in view.flags],
        trail=[trail_out(t) for t in view.trail],
    )


@router.get("/items/{item}/trail")
async def list_trail(
    request: Request,
    who: Reader,
    item: Id,
    cursor_: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[TrailOut]:
    """Who did what with an item, newest first."""
    (before,) = read_cursor(cursor_, 2**62)
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        found = await items.trail(tx, who.tenant, item, before, limit)
    following = cursor(found[-1].version) if len(found) == limit else None
    return Page(items=[trail_out(t) for t in found], next=following)


@router.post("/items/{item}/transitions")
async def move_item(
    request: Request,
    response: Response,
    who: Writer,
    item: Id,
    body: MoveIn,
    if_match: IfMatch = None,
) -> ItemOut:
    """Take a step with an item. Evidence that arrived since the version you have seen is no conflict."""
    known = seen(if_match, body.version)
    until = _time(body.until, "until")
    wish = Wish(to=body.to, why=body.why, until=until, verification=body.verification)

    async def use(tx: Transaction) -> Item:
        return await items.move(tx, who.tenant, item, known.version, who.subject, wish)

    return await _acted(request, response, who, known, use)


@router.patch("/items/{item}")
async def edit_item(
    request: Request,
    response: Response,
    who: Writer,
    item: Id,
    body: EditIn,
    if_match: IfMatch = None,
) -> ItemOut:
    """Assign, name, estimate or date an item. What a person sets stays until a person gives it back."""
    known = seen(if_match, body.version)
    if not body.model_fields_set & {"owner", "title", "effort_days", "due_at"}:
        raise Problem(422, "nothing to change: give owner, title, effort_days or due_at")
    wanted = _edit(body)

    async def use(tx: Transaction) -> Item:
        return await items.edit(tx, who.tenant, item, known.version, who.subject, body.why, wanted)

    return await _acted(request, response, who, known, use)


async def _acted(
    request: Request, response: Response, who: Principal, known: Seen, use: Any
) -> ItemOut:
    try:
        item = await request.app.state.voc.database.retried(use, who.tenant)
    except items.Stale as error:
        current = item_out(error.item, may_write=True).model_dump(mode="json")
        raise known.conflict(error, current) from error
    response.headers.update(etag(item.version))
    return item_out(item, may_write=True)
