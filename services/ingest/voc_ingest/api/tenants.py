"""Routes of tenant settings and sources."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as PathParameter
from pydantic import BaseModel, Field, field_validator
from voc_common.auth import Forbidden, Principal
from voc_common.http import Page, Problem, caller, cursor, read_cursor

from voc_ingest.api.documents import problems
from voc_ingest.api.service import Service, service_of
from voc_ingest.api.times import shown
from voc_ingest.domain.nesting import DEEPEST, too_deep
from voc_ingest.domain.tenants import KnownSettings, SourceSettings, TenantSettings
from voc_ingest.handlers import tenants
from voc_ingest.repository.tenants import SourceRow, TenantRow

router = APIRouter(tags=["configuration"])

Anyone = Annotated[Principal, Depends(caller())]
Steward = Annotated[Principal, Depends(caller("sources:write"))]
Here = Annotated[Service, Depends(service_of)]
TenantName = Annotated[str, PathParameter(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
SourceName = Annotated[str, PathParameter(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Short = Annotated[str, Field(max_length=128, pattern=r"^[^\x00]*$")]


class TenantIn(BaseModel, extra="forbid"):
    """A tenant's settings, whole."""

    zone: str = Field(
        default="UTC",
        max_length=64,
        description="IANA zone of local days; fixed by the first record",
    )
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$", description="ISO 4217")
    blocked: list[Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\x00]*$")]] = (
        Field(default=[], max_length=10_000, description="identifier values that identify nobody")
    )
    settings: dict[str, Any] = Field(
        default={},
        description="settings by name; ingest reads redact (true), rate (items/s), retention_days",
    )

    @field_validator("zone")
    @classmethod
    def zone_is_known(cls, value: str) -> str:
        """Only zones whose days can be computed."""
        try:
            ZoneInfo(value)
        except (ValueError, KeyError, OSError) as error:
            raise ValueError("not an IANA zone, such as Europe/Berlin") from error
        return value

    @field_validator("settings")
    @classmethod
    def settings_fit(cls, value: dict[str, Any]) -> dict[str, Any]:
        """What ingest reads must have its type; NUL cannot be stored."""
        try:
            msgspec.convert(value, KnownSettings)
            encoded = msgspec.json.encode(value)
        except (msgspec.ValidationError, RecursionError, UnicodeEncodeError) as error:
            raise ValueError(str(error)) from error
        if len(encoded) > 256 * 1024 or b"\\u0000" in encoded or too_deep(value):
            raise ValueError(f"at most 256 KiB, {DEEPEST} levels deep, without NUL characters")
        return value


class TenantOut(BaseModel):
    """A tenant's settings as they are; `version` counts changes."""

    tenant: str
    version: int
    zone: str
    currency: str
    blocked: list[str]
    settings: dict[str, Any]
    zone_fixed: bool


class SourceIn(BaseModel, extra="forbid"):
    """What a source's items have in common."""

    title: Short = ""
    channel: Short = Field(default="", description="stands where an item has no channel")
    stakeholder: str = Field(default="customer", pattern="^(customer|employee|partner)$")
    issuer: Short = Field(
        default="", description="of external and account ids; default: the source"
    )
    unverified: list[Annotated[str, Field(pattern="^(external|email|phone|name|account)$")]] = (
        Field(
            default=[],
            max_length=5,
            description="identifier types that are not verified unless the item says so",
        )
    )


class SourceOut(BaseModel):
    """A source, and what has come from it."""

    source: str
    version: int
    title: str
    channel: str
    stakeholder: str
    issuer: str
    unverified: list[str]
    accepted: int
    unchanged: int
    last_seen: str | None


def _tenant_out(row: TenantRow) -> TenantOut:
    s = row.settings
    return TenantOut(
        tenant=row.tenant,
        version=row.version,
        zone=s.zone,
        currency=s.currency,
        blocked=list(s.blocked),
        settings=s.settings,
        zone_fixed=row.has_records,
    )


def _source_out(row: SourceRow) -> SourceOut:
    s = row.settings
    return SourceOut(
        source=row.source,
        version=row.version,
        title=s.title,
        channel=s.channel,
        stakeholder=s.stakeholder,
        issuer=s.issuer,
        unverified=list(s.unverified),
        accepted=row.accepted,
        unchanged=row.unchanged,
        last_seen=shown(row.last_seen),
    )


def _allowed(who: Principal, tenant: str) -> bool:
    """True for the operator, who may create; raises `Forbidden` for anyone but the tenant's own stewards."""
    if "tenants:admin" in who.scopes:
        return True
    if who.tenant != tenant:
        raise Forbidden("this is another tenant")
    who.require("sources:write")
    return False


@router.put(
    "/v1/tenants/{tenant}",
    responses={201: {"description": "Created", "model": TenantOut}, **problems(409)},
)
async def put_tenant(
    request: Request,
    response: Response,
    who: Anyone,
    here: Here,
    tenant: TenantName,
    body: TenantIn,
) -> TenantOut:
    """Create a tenant (operator) or replace its settings; every service is told."""
    may_create = _allowed(who, tenant)
    settings = TenantSettings(body.zone, body.currency, tuple(body.blocked), body.settings)
    try:
        row, new = await tenants.put_tenant(
            request.app.state.voc.database, tenant, settings, may_create=may_create
        )
    except tenants.ZoneFixed as error:
        raise Problem(
            409, f"the zone stays {error}: days of the records that are there were counted in it"
        ) from error
    except tenants.Changed as error:
        raise Problem(409, "another request changed this tenant meanwhile; try again") from error
    except tenants.NotThere as error:
        raise Problem(404, f"there is no tenant {tenant}; the operator creates it") from error
    here.directory.forget(tenant)
    response.status_code = 201 if new else 200
    return _tenant_out(row)


@router.get("/v1/tenants/{tenant}", responses=problems())
async def get_tenant(request: Request, who: Anyone, tenant: TenantName) -> TenantOut:
    """A tenant's settings."""
    _allowed(who, tenant)
    try:
        return _tenant_out(await tenants.get_tenant(request.app.state.voc.database, tenant))
    except tenants.NotThere as error:
        raise Problem(404, f"there is no tenant {tenant}") from error


@router.put("/v1/sources/{source}", responses=problems())
async def put_source(
    request: Request, who: Steward, here: Here, source: SourceName, body: SourceIn
) -> SourceOut:
    """Create a source or replace its settings; they hold for what comes from now on."""
    settings = msgspec.convert(body.model_dump(), SourceSettings)
    try:
        row = await tenants.put_source(request.app.state.voc.database, who.tenant, source, settings)
    except tenants.NotThere as error:
        raise Problem(404, f"there is no tenant {who.tenant}; the operator creates it") from error
    here.directory.forget(who.tenant)
    return _source_out(row)


@router.get("/v1/sources/{source}", responses=problems())
async def get_source(request: Request, who: Steward, source: SourceName) -> SourceOut:
    """A source with its counts."""
    try:
        return _source_out(
            await tenants.get_source(request.app.state.voc.database, who.tenant, source)
        )
    except tenants.NotThere as error:
        raise Problem(404, f"there is no source {source}") from error


@router.get("/v1/sources", responses=problems())
async def list_sources(
    request: Request,
    who: Steward,
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[SourceOut]:
    """The tenant's sources by name, with their counts."""
    (after,) = read_cursor(cursor_, "")
    rows = await tenants.list_sources(request.app.state.voc.database, who.tenant, after, limit)
    following = cursor(rows[-1].source) if len(rows) == limit else None
    return Page(items=[_source_out(r) for r in rows], next=following)


@router.delete("/v1/sources/{source}", status_code=204, responses=problems())
async def delete_source(request: Request, who: Steward, here: Here, source: SourceName) -> None:
    """Take no more items of this source; what came from it stays."""
    try:
        await tenants.delete_source(request.app.state.voc.database, who.tenant, source)
    except tenants.NotThere as error:
        raise Problem(404, f"there is no source {source}") from error
    here.directory.forget(who.tenant)
