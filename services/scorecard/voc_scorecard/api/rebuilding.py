"""The route that lets a tenant's numbers be counted anew."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from voc_common.auth import Principal
from voc_common.http import caller

from voc_scorecard.api.asking import PROBLEMS
from voc_scorecard.handlers import rebuilding

router = APIRouter(tags=["operations"])


class RebuildOut(BaseModel):
    """What to do next."""

    next: str = (
        "POST /v1/replays at ingest tells the archive again; every number comes back as it was"
    )


@router.post("/v1/rebuild", status_code=202, responses=PROBLEMS)
async def rebuild(
    request: Request, who: Annotated[Principal, Depends(caller("operations"))]
) -> RebuildOut:
    """Forget what is counted of the tenant. Until the archive has been replayed its numbers are too small."""
    async with request.app.state.voc.database.transaction(who.tenant) as tx:
        await rebuilding.forget(tx, who.tenant)
    return RebuildOut()
