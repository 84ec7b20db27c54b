"""Routes of models: upload what was trained, see what was measured, choose which one decides, try texts out."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field
from voc_common.auth import Principal
from voc_common.http import Page, caller, cursor, read_cursor

from voc_taxonomy.domain.decisions import Verdict
from voc_taxonomy.handlers import catalogue, corrections

router = APIRouter(prefix="/v1", tags=["models"])

Reader = Annotated[Principal, Depends(caller("taxonomy:read"))]
Writer = Annotated[Principal, Depends(caller("taxonomy:write"))]
_BYTES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
Text = Annotated[str, Field(max_length=100_000, pattern=r"^[^\x00]*$")]


class ModelOut(BaseModel):
    """A model: `report` is what training measured on rows that it had not seen."""

    sequence: int
    model: str
    taxonomy: int
    active: bool
    report: dict[str, Any]
    made_by: str
    made_at: str


class StoredOut(BaseModel):
    """A model that was stored."""

    sequence: int
    model: str
    active: bool


class ActivateIn(BaseModel, extra="forbid"):
    """Which model shall decide."""

    sequence: int = Field(ge=1, le=2**31 - 1)


class CauseOut(BaseModel):
    """A cause with its calibrated probability."""

    id: str
    p: float


class VerdictOut(BaseModel):
    """What a text is about; no causes: unknown. `words` pulled most towards the first cause."""

    causes: list[CauseOut]
    stage: str
    severity: float
    sentiment: float
    language: str
    words: list[tuple[str, float]]
    likely: list[CauseOut] = Field(description="the likeliest causes whatever the thresholds")


class TryIn(BaseModel, extra="forbid"):
    """Texts to try the active model on; they are not kept."""

    texts: list[Text] = Field(min_length=1, max_length=100)


def verdict_out(verdict: Verdict) -> VerdictOut:
    """A verdict as the API shows it."""
    return VerdictOut(
        causes=[CauseOut(id=c.id, p=c.p) for c in verdict.causes],
        stage=verdict.stage,
        severity=verdict.severity,
        sentiment=verdict.sentiment,
        language=verdict.language,
        words=list(verdict.words),
        likely=[CauseOut(id=c.id, p=c.p) for c in verdict.likely],
    )


@router.post("/models", status_code=201, openapi_extra=_BYTES)
async def upload(
    request: Request,
    who: Writer,
    activate: Annotated[bool, Query(description="let it decide at once")] = False,
) -> StoredOut:
    """Store a model that `voc taxonomy train` made (safetensors). The same model twice is one."""
    data = await request.body()
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        stored = await catalogue.add_model(tx, who.tenant, data, who.subject, activate=activate)
    return StoredOut(sequence=stored.sequence, model=stored.model, active=activate)


@router.get("/models")
async def list_models(
    request: Request,
    who: Reader,
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[ModelOut]:
    """The tenant's models, newest first; while none is active, the starter's decides."""
    (before,) = read_cursor(cursor_, 2**31 - 1)
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        rows = await catalogue.models_of(tx, who.tenant, before, limit)
    items = [
        ModelOut(
            sequence=r.sequence,
            model=r.model,
            taxonomy=r.taxonomy,
            active=r.active,
            report=r.report,
            made_by=r.made_by,
            made_at=r.made_at.isoformat(),
        )
        for r in rows
    ]
    return Page(items=items, next=cursor(rows[-1].sequence) if len(rows) == limit else None)


@router.put("/models/active")
async def activate(request: Request, who: Writer, body: ActivateIn) -> ActivateIn:
    """Let a model decide on what comes from now on; choosing an earlier one undoes a later."""
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        await catalogue.activate(tx, who.tenant, body.sequence, who.subject)
    return body


@router.get(
    "/models/{sequence}/artifact", responses={200: {"content": {"application/octet-stream": {}}}}
)
async def download(
    request: Request, who: Reader, sequence: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> Response:
    """The bytes of a model."""
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        data = await catalogue.artifact(tx, who.tenant, sequence)
    return Response(data, media_type="application/octet-stream")


@router.post("/verdicts")
async def try_out(request: Request, who: Reader, body: TryIn) -> Page[VerdictOut]:
    """What the active model says of texts, with the words that decided; nothing is kept."""
    voc = request.app.state.voc
    async with voc.database.transaction(who.tenant) as tx:
        found = await corrections.try_out(tx, who.tenant, body.texts, voc.extra)
    return Page(items=[verdict_out(v) for v in found])
