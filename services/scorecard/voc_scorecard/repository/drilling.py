"""The records behind a number."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from voc_common.events import Score
from voc_common.postgres import Transaction
from voc_common.postgres.arrays import array, texts

from voc_scorecard.domain.dimensions import parts

_score = msgspec.json.Decoder(Score).decode
_causes = msgspec.json.Decoder(list[tuple[str, float]]).decode

_CONDITIONS = {
    "all": "r.dec_version <> ''",
    "suspect": "r.dec_version <> '' and r.suspect",
    "late": "r.dec_version <> '' and r.known_at - r.occurred_at > 86400000000",
    "activity": "r.dec_version = '' and r.kind = {value}",
    "cause": "r.causes @> cast(jsonb_build_array(jsonb_build_array(cast({value} as text))) as jsonb)",
    **{d: f"r.dec_version <> '' and r.{d} = {{value}}" for d in ("stage", "channel", "product")},
    **{d: f"r.dec_version <> '' and r.{d} = {{value}}" for d in ("segment", "team")},
}
_UNKNOWN = "(r.dec_version <> '' and r.causes = '[]')"


class Found(Struct, frozen=True):
    """A counted record with its parts; never any text. Times in UTC microseconds."""

    record: str
    occurred_at: int
    known_at: int
    counted_at: int
    source: str
    kind: str
    stakeholder: str
    channel: str
    product: str
    segment: str
    team: str
    suspect: bool
    score: Score | None
    person: str
    account: str
    causes: list[tuple[str, float]]
    stage: str
    severity: float
    sentiment: float
    model: str
    taxonomy: int


async def records(
    tx: Transaction,
    tenant: str,
    cell: str,
    since: int,
    until: int,
    after: tuple[int, str],
    limit: int,
    without: Collection[str] = (),
) -> list[Found]:
    """Records of a cell that happened in [since, until), in order of time and id, behind `after`.

    Raises `ValueError` if there can be no such cell.
    """
    condition, values = _condition(cell)
    rows: Any = await tx.rows(
        "select record_id, occurred_at, known_at, counted_at, source, kind, stakeholder, channel, product, "
        "segment, team, suspect, cast(score as text), person, account, cast(causes as text), stage, "
        "severity, sentiment, model, taxonomy from scorecard.record r where r.tenant = :tenant "
        "and r.rev_version <> '' and r.occurred_at >= :since and r.occurred_at < :until "
        "and (r.occurred_at, r.record_id) > (:at, :record) "
        f"and not r.record_id = any({array('without', 'text')}) and {condition} "
        "order by r.occurred_at, r.record_id limit :limit",
        tenant=tenant,
        since=since,
        until=until,
        at=after[0],
        record=after[1],
        without=texts(list(without)),
        limit=limit,
        **values,
    )
    found: list[Found] = []
    for row in rows:
        given = list(row)
        given[12] = _score(given[12]) if given[12] else None
        given[15] = _causes(given[15]) if given[15] else []
        found.append(Found(*given))
    return found


def _condition(cell: str) -> tuple[str, Mapping[str, str]]:
    stakeholder, given = parts(cell)
    values = {"stakeholder": stakeholder}
    found = ["r.stakeholder = :stakeholder"]
    for i, (dimension, value) in enumerate(given):
        values[f"value{i}"] = value
        sql = _CONDITIONS[dimension].format(value=f":value{i}")
        found.append(
            f"({sql} or {_UNKNOWN})" if (dimension, value) == ("cause", "unknown") else sql
        )
        if ":value" not in sql:
            del values[f"value{i}"]
    return " and ".join(found), values
