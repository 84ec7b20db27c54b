"""Routes of taxonomies: read any version, write the draft, publish it."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field
from voc_common.auth import Principal
from voc_common.http import Page, Problem, caller, cursor, read_cursor

from voc_taxonomy.domain.tree import Taxonomy
from voc_taxonomy.handlers import catalogue

router = APIRouter(prefix="/v1", tags=["taxonomy"])

Reader = Annotated[Principal, Depends(caller("taxonomy:read"))]
Writer = Annotated[Principal, Depends(caller("taxonomy:write"))]
_OBJECT = {"type": "object", "description": "as `GET /v1/taxonomy` gives it"}
_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "the taxonomy", "content": {"application/json": {"schema": _OBJECT}}}
}
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": _OBJECT}}}
}


class VersionOut(BaseModel):
    """A published version."""

    version: int
    made_by: str
    made_at: str
    published_by: str
    published_at: str


class ChangesOut(BaseModel):
    """What the draft changes in the newest version, by id."""

    added: list[str]
    removed: list[str]
    renamed: list[str]
    moved: list[str]
    rerouted: list[str] = Field(description="owner, stages, kind or playbook")
    retaught: list[str] = Field(description="definition, terms or examples")
    merged: list[tuple[str, str]]
    split: list[tuple[str, str]]


class PublishedOut(BaseModel):
    """The new version, and the model that was trained from its examples and people's corrections."""

    version: int
    sequence: int | None = Field(
        description="of the model; null: too few examples, the former model goes on"
    )
    model: str | None
    accuracy: float | None = Field(description="on held-out rows")
    rows: int


@router.get("/taxonomy", responses=_DOCUMENT)
async def get_newest(request: Request, who: Reader) -> Response:
    """The newest published taxonomy, whole."""
    return await _document(request, who, None)


@router.get("/taxonomies")
async def list_versions(
    request: Request,
    who: Reader,
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[VersionOut]:
    """Published versions, newest first."""
    (before,) = read_cursor(cursor_, 2**31 - 1)
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        rows = await catalogue.taxonomies(tx, who.tenant, before, limit)
    items = [
        VersionOut(
            version=r.version,
            made_by=r.made_by,
            made_at=r.made_at.isoformat(),
            published_by=r.published_by,
            published_at=r.published_at.isoformat(),
        )
        for r in rows
    ]
    return Page(items=items, next=cursor(rows[-1].version) if len(rows) == limit else None)


@router.get("/taxonomies/draft", responses=_DOCUMENT)
async def get_draft(request: Request, who: Reader) -> Response:
    """The draft, whole."""
    return await _document(request, who, 0)


@router.get("/taxonomies/{version}", responses=_DOCUMENT)
async def get_version(
    request: Request, who: Reader, version: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> Response:
    """A published version, whole; versions never change."""
    return await _document(request, who, version)


@router.put("/taxonomies/draft", openapi_extra=_BODY)
async def put_draft(request: Request, who: Writer) -> ChangesOut:
    """Write the draft: a whole taxonomy. Says what it would change; nothing changes until it is published."""
    if "json" not in request.headers.get("content-type", ""):
        raise Problem(415, "send application/json")
    try:
        draft = msgspec.json.decode(await request.body(), type=Taxonomy)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(422, f"not a taxonomy: {error}") from error
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        changes = await catalogue.put_draft(tx, who.tenant, draft, who.subject)
    return ChangesOut(**{f: list(getattr(changes, f)) for f in changes.__struct_fields__})


@router.post("/taxonomies/draft/publish", status_code=201)
async def publish(request: Request, who: Writer) -> PublishedOut:
    """Publish the draft, and let a model trained from its examples decide on what comes from now on."""
    database = request.app.state.voc.database
    async with database.transaction(who.tenant) as tx:
        taxonomy = await catalogue.publish(tx, who.tenant, who.subject)
        rows = await catalogue.lessons(tx, who.tenant)
    # Outside of the transaction: training takes seconds.
    made = await catalogue.trained(taxonomy, rows)
    if made is None:
        return PublishedOut(
            version=taxonomy.version, sequence=None, model=None, accuracy=None, rows=len(rows)
        )
    async with database.transaction(who.tenant) as tx:
        model = await catalogue.add_model(tx, who.tenant, made[0], who.subject, activate=True)
    return PublishedOut(
        version=taxonomy.version,
        sequence=model.sequence,
        model=model.model,
        accuracy=model.report.accuracy,
        rows=model.report.rows,
    )


async def _document(request: Request, who: Principal, version: int | None) -> Response:
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        _, taxonomy = await catalogue.read(tx, who.tenant, version)
    return Response(msgspec.json.encode(taxonomy), media_type="application/json")
