"""The HTTP API of identity: persons with their evidence, merge, split, undo, erase."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from voc_common.auth import Principal
from voc_common.http import Page, caller, create_app, cursor, read_cursor
from voc_common.http.times import iso
from voc_common.postgres import Transaction
from voc_common.settings import load

from voc_identity.handlers import people, reading
from voc_identity.settings import IdentitySettings

router = APIRouter(prefix="/v1", tags=["identity"])

Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="32 hexadecimal digits")]
NO_NUL = r"^[^\x00]*$"
IdIn = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Reason = Annotated[str, Field(default="", max_length=500, pattern=NO_NUL)]
Reader = Annotated[Principal, Depends(caller("people:read"))]
Writer = Annotated[Principal, Depends(caller("people:write"))]
Eraser = Annotated[Principal, Depends(caller("people:erase"))]


class IdentifierOut(BaseModel):
    """An identifier as a source told it."""

    type: str
    value: str
    issuer: str
    verified: bool


class UnlinkedOut(BaseModel):
    """An identifier that links nobody, and why."""

    type: str
    value: str
    issuer: str
    reason: str


class LinkOut(BaseModel):
    """Evidence: these records of the person hold one value, or a person joined them (`manual`)."""

    kind: str
    value: str
    issuer: str
    records: list[str]
    edge: int | None


class RelationOut(BaseModel):
    """A value shared with other persons that does not make them one."""

    kind: str
    value: str
    persons: list[str]


class PersonOut(BaseModel):
    """A person: its account, identifiers, and the evidence that holds its records together."""

    person: str
    account: str
    records: int
    names: list[str]
    identifiers: list[IdentifierOut]
    unlinked: list[UnlinkedOut]
    links: list[LinkOut]
    relations: list[RelationOut]


class RecordOut(BaseModel):
    """A record of a person."""

    record_id: str
    source: str
    occurred_at: str
    account: str


class PersonRef(BaseModel):
    """A person found by an identifier."""

    person: str


class Merge(BaseModel, extra="forbid"):
    """Two persons who are one."""

    persons: list[IdIn] = Field(min_length=2, max_length=2)
    reason: Reason


class Split(BaseModel, extra="forbid"):
    """Records of a person that are somebody else's."""

    person: IdIn
    records: list[IdIn] = Field(min_length=1, max_length=5000)
    reason: Reason


class SaidOut(BaseModel):
    """What a merge, a split or an undo did: the persons concerned as they are now."""

    edge: int = Field(description="`DELETE /v1/edges/{edge}` takes it back")
    persons: list[str]
    moved: int = Field(description="records that changed person or account")


class Erasure(BaseModel, extra="forbid"):
    """Records to forget, whether they have arrived or not."""

    records: list[IdIn] = Field(min_length=1, max_length=5000)
    reason: Reason


class Erased(BaseModel):
    """Records that have been erased here; the other services follow."""

    records: list[str]


def _settings(request: Request) -> IdentitySettings:
    return request.app.state.voc.settings


@router.get(
    "/persons/{person}",
    response_model=PersonOut,
    responses={307: {"description": "a former id; see Location"}},
)
async def get_person(request: Request, who: Reader, person: Id) -> PersonOut | RedirectResponse:
    """A person with its identifiers and the evidence per link. A former id redirects to the person it names now."""
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        now = await people.current_person(tx, who.tenant, person)
        if now != person:
            return RedirectResponse(f"/v1/persons/{now}", 307)
        view = await reading.person(tx, who.tenant, person, _settings(request))
    return PersonOut(
        person=view.person,
        account=view.account,
        records=view.records,
        names=view.names,
        identifiers=[
            IdentifierOut(type=i.type, value=i.value, issuer=i.issuer, verified=i.verified)
            for i in view.identifiers
        ],
        unlinked=[
            UnlinkedOut(type=u.type, value=u.shown, issuer=u.issuer, reason=u.reason)
            for u in view.unlinked
        ],
        links=[
            LinkOut(
                kind=x.kind,
                value=x.shown,
                issuer=x.issuer,
                records=list(x.records),
                edge=x.seq or None,
            )
            for x in view.links
        ],
        relations=[
            RelationOut(kind=r.kind, value=r.key.shown, persons=list(r.persons))
            for r in view.relations
        ],
    )


@router.get("/persons/{person}/records")
async def list_records(
    request: Request,
    who: Reader,
    person: Id,
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[RecordOut]:
    """The records of a person, oldest first."""
    (after,) = read_cursor(cursor_, "")
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        rows = await reading.records(tx, who.tenant, person, after, limit)
    items = [
        RecordOut(
            record_id=r.record_id,
            source=r.source,
            occurred_at=iso(r.occurred_at),
            account=r.account,
        )
        for r in rows
    ]
    return Page(items=items, next=cursor(rows[-1].record_id) if len(rows) == limit else None)


@router.get("/persons")
async def find_persons(
    request: Request,
    who: Reader,
    type: Literal["email", "phone", "external"],  # noqa: A002
    value: Annotated[str, Query(min_length=1, max_length=512)],
    issuer: Annotated[
        str, Query(max_length=200, pattern=NO_NUL, description="of an external id")
    ] = "",
) -> Page[PersonRef]:
    """Persons by an identifier, read as the identifiers of records are (spelling does not matter)."""
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        found = await reading.find(tx, who.tenant, type, value, issuer, _settings(request))
    return Page(items=[PersonRef(person=p) for p in found])


@router.post("/merges", status_code=201)
async def merge(request: Request, who: Writer, body: Merge) -> SaidOut:
    """Say that two persons are one; every number follows."""

    async def use(tx: Transaction) -> people.Said:
        return await people.merge(
            tx, who.tenant, body.persons, body.reason, who.subject, _settings(request)
        )

    return _said(await request.app.state.voc.database.retried(use, who.tenant))


@router.post("/splits", status_code=201)
async def split(request: Request, who: Writer, body: Split) -> SaidOut:
    """Say that some records of a person are somebody else's; every number follows."""

    async def use(tx: Transaction) -> people.Said:
        return await people.split(
            tx, who.tenant, body.person, body.records, body.reason, who.subject, _settings(request)
        )

    return _said(await request.app.state.voc.database.retried(use, who.tenant))


@router.delete("/edges/{edge}")
async def undo(
    request: Request, who: Writer, edge: Annotated[int, Path(ge=1, le=2**62)]
) -> SaidOut:
    """Take back a merge or a split, as if it had never been said; every number follows."""

    async def use(tx: Transaction) -> people.Said:
        return await people.undo(tx, who.tenant, edge, who.subject, _settings(request))

    return _said(await request.app.state.voc.database.retried(use, who.tenant))


class EdgeOut(BaseModel):
    """A merge (`must`) or split (`cut`) that somebody said."""

    edge: int
    kind: str
    left: list[str]
    right: list[str]
    reason: str
    made_by: str
    made_at: str
    retracted_by: str | None
    retracted_at: str | None


@router.get("/edges")
async def list_edges(
    request: Request,
    who: Reader,
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[EdgeOut]:
    """Merges and splits, newest first, those taken back included."""
    (before,) = read_cursor(cursor_, 2**62)
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        rows = await reading.edges(tx, who.tenant, before, limit)
    items = [
        EdgeOut(
            edge=r.edge,
            kind=r.kind,
            left=r.left_records,
            right=r.right_records,
            reason=r.reason,
            made_by=r.made_by,
            made_at=r.made_at.isoformat(),
            retracted_by=r.retracted_by,
            retracted_at=r.retracted_at.isoformat() if r.retracted_at else None,
        )
        for r in rows
    ]
    return Page(items=items, next=cursor(rows[-1].edge) if len(rows) == limit else None)


@router.delete("/persons/{person}")
async def erase_person(
    request: Request,
    who: Eraser,
    person: Id,
    reason: Annotated[str, Query(max_length=500, pattern=NO_NUL)] = "",
) -> Erased:
    """Forget a person in every service, for good. This cannot be undone."""

    async def use(tx: Transaction) -> list[str]:
        return await people.erase_person(tx, who.tenant, person, reason, _settings(request))

    return Erased(records=await request.app.state.voc.database.retried(use, who.tenant))


@router.post("/erasures")
async def erase_records(request: Request, who: Eraser, body: Erasure) -> Erased:
    """Forget records in every service, for good, also before they arrive. This cannot be undone."""

    async def use(tx: Transaction) -> None:
        await people.erase_records(tx, who.tenant, body.records, body.reason, _settings(request))

    await request.app.state.voc.database.retried(use, who.tenant)
    return Erased(records=sorted(set(body.records)))


def _said(said: people.Said) -> SaidOut:
    return SaidOut(edge=said.edge, persons=said.persons, moved=said.moved)


def app() -> FastAPI:
    """The API process."""
    faults: dict[type[Exception], int] = {
        people.NotThere: 404,
        people.NotPossible: 409,
        reading.Unusable: 422,
    }
    return create_app("identity", load(IdentitySettings), [router], faults=faults)
