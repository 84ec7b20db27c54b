"""Routes that take feedback and activities, one at a time or up to 1,000 at once."""

import asyncio
from contextlib import AbstractContextManager
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import Raw, Struct
from voc_common.auth import Principal
from voc_common.events import Kind
from voc_common.http import Problem, caller
from voc_common.http.problems import JSON_WANTED
from voc_common.telemetry import accepting

from voc_ingest.api.documents import answers, json_body
from voc_ingest.api.explaining import explained
from voc_ingest.api.service import Service, service_of
from voc_ingest.domain.items import ActivityItem, FeedbackItem, slug_fault
from voc_ingest.domain.normalising import Refused, normalise
from voc_ingest.handlers.directory import Known
from voc_ingest.handlers.storing import Entry, LoadClosed, Result

router = APIRouter(tags=["intake"])

MAX_ITEMS = 1000

Sender = Annotated[Principal, Depends(caller("feedback:write"))]
Here = Annotated[Service, Depends(service_of)]
LoadId = Annotated[
    str,
    Query(
        pattern="^([0-9a-f]{24})?$",
        description="a load of POST /v1/loads that these items belong to",
    ),
]


class FeedbackBatch(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Up to 1,000 items of feedback."""

    items: list[FeedbackItem]


class ActivityBatch(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Up to 1,000 activities."""

    items: list[ActivityItem]


class _Apart(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    items: list[Raw]


class BatchAnswer(Struct, frozen=True, gc=False):
    """What became of each item, in their order, and how many of each there were."""

    accepted: int
    unchanged: int
    erased: int
    rejected: int
    results: list[Result]


_batch = {
    "feedback": msgspec.json.Decoder(FeedbackBatch).decode,
    "activity": msgspec.json.Decoder(ActivityBatch).decode,
}
_single = {
    "feedback": msgspec.json.Decoder(FeedbackItem).decode,
    "activity": msgspec.json.Decoder(ActivityItem).decode,
}
_apart = msgspec.json.Decoder(_Apart).decode
_encode = msgspec.json.Encoder().encode


def _read_batch(body: bytes, event_kind: Kind) -> list[FeedbackItem | Refused]:
    """The items of a body, decoded at once; one by one where one of them is not valid."""
    try:
        items: list[Any] = _batch[event_kind](body).items
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        try:
            items = [_read_item(raw, event_kind) for raw in _apart(body).items]
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise Problem(422, f'the body is not {{"items": [...]}}: {error}') from error
    if not 0 < len(items) <= MAX_ITEMS:
        raise Problem(422, f"items must hold 1 to {MAX_ITEMS}, these are {len(items)}")
    return items


def _read_item(raw: bytes | Raw, event_kind: Kind) -> FeedbackItem | Refused:
    try:
        return _single[event_kind](raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return Refused(explained(str(error), event_kind))


def _json_only(request: Request) -> None:
    given = (
        request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    )
    if given != "application/json":
        raise Problem(415, JSON_WANTED)


def _accepting(request: Request) -> AbstractContextManager[str]:
    return accepting("ingest", request.headers.get("traceparent", ""))


_SLICE = 100
"""Items that are read before others have a turn."""


async def _entries(
    items: list[FeedbackItem | Refused], event_kind: Kind, known: Known, traceparent: str
) -> list[Entry | Refused]:
    """The items in normal form. They are taken out of their list: what is freed at once is still at hand."""
    entries: list[Entry | Refused] = []
    items.reverse()
    while items:
        item = items.pop()
        if entries and not len(entries) % _SLICE:
            await asyncio.sleep(0)
        if isinstance(item, Refused):
            entries.append(item)
            continue
        rules = known.rules.get(item.source)
        if rules is None:
            entries.append(_no_source(item.source))
            continue
        try:
            entries.append(Entry(normalise(item, event_kind, rules), traceparent))
        except Refused as error:
            entries.append(error)
    return entries


def _no_source(source: str) -> Refused:
    if fault := slug_fault(source):
        return Refused(f"source {fault}")
    return Refused(f"there is no source {source}: PUT /v1/sources/{source} first")


async def _take_batch(
    request: Request, who: Principal, here: Service, event_kind: Kind, load: str
) -> Response:
    _json_only(request)
    if load:
        async with here.turns:
            return await _stored_batch(request, who, here, event_kind, load)
    with here.turns.live():
        return await _stored_batch(request, who, here, event_kind, load)


async def _stored_batch(
    request: Request, who: Principal, here: Service, event_kind: Kind, load: str
) -> Response:
    with here.room(request):
        items = _read_batch(await request.body(), event_kind)
        sources = {i.source for i in items if not isinstance(i, Refused)}
        known = await here.known(who.tenant, sources)
        here.charge(known, len(items))
        with _accepting(request) as traceparent:
            entries = await _entries(items, event_kind, known, traceparent)
            try:
                if load:
                    results = await here.door.receive(known, event_kind, entries, "bulk", load)
                else:
                    results = await here.gatherer.receive(known, event_kind, entries)
            except LoadClosed as error:
                raise Problem(409, str(error)) from error
    counts = {"accepted": 0, "unchanged": 0, "erased": 0, "rejected": 0}
    for result in results:
        counts[result.status] += 1
    return Response(
        _encode(BatchAnswer(**counts, results=results)), 202, media_type="application/json"
    )


async def _take_one(request: Request, who: Principal, here: Service, event_kind: Kind) -> Response:
    _json_only(request)
    with here.turns.live(), here.room(request):
        item = _read_item(await request.body(), event_kind)
        if isinstance(item, Refused):
            raise Problem(item.status, str(item))
        known = await here.known(who.tenant, {item.source})
        here.charge(known, 1)
        with _accepting(request) as traceparent:
            (entry,) = await _entries([item], event_kind, known, traceparent)
            if isinstance(entry, Refused):
                raise Problem(entry.status, str(entry))
            (result,) = await here.gatherer.receive(known, event_kind, [entry])
    if result.status == "erased":
        raise Problem(
            410, "this record was erased and is not taken again", record_id=result.record_id
        )
    return Response(_encode(result), 202, media_type="application/json")


@router.post(
    "/v1/feedback/batch",
    status_code=202,
    openapi_extra=json_body(FeedbackBatch),
    responses=answers(BatchAnswer, 409, 413, 415, 429, 503),
)
async def post_feedback_batch(
    request: Request, who: Sender, here: Here, load: LoadId = ""
) -> Response:
    """Take up to 1,000 items; 202 means that every accepted one is in the archive, for good."""
    return await _take_batch(request, who, here, "feedback", load)


@router.post(
    "/v1/activity/batch",
    status_code=202,
    openapi_extra=json_body(ActivityBatch),
    responses=answers(BatchAnswer, 409, 413, 415, 429, 503),
)
async def post_activity_batch(
    request: Request, who: Sender, here: Here, load: LoadId = ""
) -> Response:
    """Take up to 1,000 activities; 202 means that every accepted one is in the archive, for good."""
    return await _take_batch(request, who, here, "activity", load)


@router.post(
    "/v1/feedback",
    status_code=202,
    openapi_extra=json_body(FeedbackItem),
    responses=answers(Result, 410, 413, 415, 429, 503),
)
async def post_feedback(request: Request, who: Sender, here: Here) -> Response:
    """Take one item; posts that come at the same time are stored together."""
    return await _take_one(request, who, here, "feedback")


@router.post(
    "/v1/activity",
    status_code=202,
    openapi_extra=json_body(ActivityItem),
    responses=answers(Result, 410, 413, 415, 429, 503),
)
async def post_activity(request: Request, who: Sender, here: Here) -> Response:
    """Take one activity; posts that come at the same time are stored together."""
    return await _take_one(request, who, here, "activity")
