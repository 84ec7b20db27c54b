"""Joined record states: each part of a record at its greatest version, and what a batch changed."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from voc_common.events import NONE, Attribution, Decision, Revision, Score
from voc_common.postgres import Transaction, taken_as_new
from voc_common.postgres.arrays import numbers, texts, unnest
from voc_common.postgres.keys import KEYS, NAMES, by_tenant

from voc_scorecard.domain.facts import Fact, fact

_encode = msgspec.json.Encoder().encode
_score = msgspec.json.Decoder(Score).decode
_causes = msgspec.json.Decoder(list[tuple[str, float]]).decode

NEWER = "excluded.{version} > r.{version}"
"""The version test: a part is taken only if its owner decided it later."""
ALIVE = "not r.erased"
"""The erased guard: the emptied row of an erased record accepts nothing ever again."""

_REVISION = {
    "rev_version": "text",
    "occurred_at": "bigint",
    "known_at": "bigint",
    "local_day": "int",
    "source": "text",
    "kind": "text",
    "stakeholder": "text",
    "channel": "text",
    "product": "text",
    "segment": "text",
    "team": "text",
    "suspect": "bool",
    "score": "jsonb",
    "mrr": "float8",
    "currency": "text",
}
_ATTRIBUTION = {"att_version": "text", "person": "text", "account": "text"}
_DECISION = {
    "dec_version": "text",
    "causes": "jsonb",
    "stage": "text",
    "severity": "real",
    "sentiment": "real",
    "model": "text",
    "taxonomy": "int",
}
_KEYS = {"tenant": "text", "record_id": "text"}
_PARTS = {"rev_version": _REVISION, "att_version": _ATTRIBUTION, "dec_version": _DECISION}
_COLUMNS = _KEYS | _REVISION | _ATTRIBUTION | _DECISION

_READ = {
    **{
        c: f"{{}}{c}"
        for c in ("record_id", "person", "occurred_at", "known_at", "local_day", "kind")
    },
    **{c: f"{{}}{c}" for c in ("stakeholder", "channel", "product", "segment", "team", "suspect")},
    "score": "cast({}score as text)",
    "decided": "{}dec_version <> ''",
    "stage": "{}stage",
    "causes": "cast({}causes as text)",
}


def columns(row: str = "") -> str:
    """The columns of which `read_fact` makes a fact, of a row of this name; in the order of `fact`."""
    before = f"{row}." if row else ""
    return ", ".join(f"{sql.format(before)} as {name}" for name, sql in _READ.items())


def _state(row: str) -> str:
    return f"{row}.rev_version, {row}.att_version, {columns(row)}"


_STATE = 2 + len(_READ)
"""Columns of a state."""
_BEFORE = f"r.tenant, r.record_id as record, {_state('old')}"


_THERE = (
    f"select r.* from {KEYS} cross join lateral (select tenant, record_id from scorecard.record "
    f"where tenant = x.tenant and record_id = any({NAMES}) offset 0) r"
)


def _insert() -> str:
    chosen = ", ".join(f"cast({c} as jsonb)" if k == "jsonb" else c for c, k in _COLUMNS.items())
    return (
        f"insert into scorecard.record as r ({', '.join(_COLUMNS)}, counted_at) select {chosen}, "
        "case when rev_version = '' then 0 else "
        "(select cast(extract(epoch from now()) * 1000000 as bigint)) end "
        f"from {unnest(_COLUMNS)}"
    )


INSERT = _insert()
"""The statement that stores parts of records of which nothing was known."""


def join_sql(newer: str = NEWER, alive: str = ALIVE) -> str:
    """The statement that joins parts into record states and returns what each changed row was and is."""
    tests = {version: newer.format(version=version) for version in _PARTS}
    takes = ", ".join(
        f"{column} = case when {tests[version]} then excluded.{column} else r.{column} end"
        for version, columns in _PARTS.items()
        for column in columns
    )
    return (
        f"{INSERT} on conflict (tenant, record_id) do update set {takes}, "
        "counted_at = case when r.counted_at = 0 then excluded.counted_at else r.counted_at end "
        f"where {alive} and ({' or '.join(tests.values())}) "
        f"returning {_BEFORE}, {_state('new')}"
    )


JOIN = join_sql()

ERASE = (
    "insert into scorecard.record as r (tenant, record_id, erased) "
    f"select tenant, record_id, true from {unnest(_KEYS)} "
    f"on conflict (tenant, record_id) do update set erased = true, counted_at = 0, "
    + ", ".join(f"{c} = default" for part in _PARTS.values() for c in part)
    + f" where not r.erased returning {_BEFORE}"
)


class Parts(Struct, frozen=True, gc=False):
    """What an event says about a record; a part that it does not carry has no version."""

    tenant: str
    record: str
    revision: Revision
    attribution: Attribution
    decision: Decision
    mrr: float | None = None
    currency: str | None = None


NO_REVISION = Revision(NONE, 0, 0, 0, 0, "", "")
NO_DECISION = Decision(NONE)


class Change(Struct, frozen=True, gc=False):
    """A record that a batch changed: its fact before and after, None where it is not counted.

    `reason` is the part that changed, or erased.
    """

    tenant: str
    record: str
    old: Fact | None
    new: Fact | None
    reason: str


async def join(tx: Transaction, batch: Sequence[Parts]) -> list[Change]:
    """Join the parts of a batch (one entry per record, sorted) into the record states; what changed.

    Raises `AlreadyThere` if another worker made one of the records meanwhile.
    """
    if not batch:
        return []
    rows: Any = await tx.rows(_THERE, **by_tenant([(p.tenant, p.record) for p in batch]))
    if not rows:
        return await _store(tx, batch)
    there = {(tenant, record) for tenant, record in rows}
    changes = await _store(tx, [p for p in batch if (p.tenant, p.record) not in there])
    return changes + await revise(tx, [p for p in batch if (p.tenant, p.record) in there])


async def _store(tx: Transaction, batch: Sequence[Parts]) -> list[Change]:
    """Store what is told of records for the first time."""
    if batch:
        with taken_as_new():
            await tx.run(INSERT, **_columns(batch))
    return [Change(p.tenant, p.record, None, _told(p), "") for p in batch]


async def revise(tx: Transaction, batch: Sequence[Parts]) -> list[Change]:
    """Join parts into record states most of which are there; what is told of others is kept until they come."""
    rows: Any = await tx.rows(JOIN, **_columns(batch))
    changes: list[Change] = []
    for tenant, record, *states in rows:
        before, now = states[:_STATE], states[_STATE:]
        changed = (
            "revision" if before[0] != now[0] else "person" if before[1] != now[1] else "decision"
        )
        changes.append(Change(tenant, record, _counted(before), _counted(now), changed))
    return changes


def _columns(batch: Sequence[Parts]) -> dict[str, str]:
    told = [p.revision for p in batch]
    whose = [p.attribution for p in batch]
    about = [p.decision for p in batch]
    return {
        "tenant": texts([p.tenant for p in batch]),
        "record_id": texts([p.record for p in batch]),
        "rev_version": texts([r.version for r in told]),
        "occurred_at": numbers([r.occurred_at for r in told]),
        "known_at": numbers([r.known_at for r in told]),
        "local_day": numbers([r.local_day for r in told]),
        "source": texts([r.source for r in told]),
        "kind": texts([r.kind for r in told]),
        "stakeholder": texts([r.stakeholder for r in told]),
        "channel": texts([r.channel for r in told]),
        "product": texts([r.product for r in told]),
        "segment": texts([r.segment for r in told]),
        "team": texts([r.team for r in told]),
        "suspect": numbers([r.suspect for r in told]),
        "score": texts([_encode(r.score).decode() if r.score else None for r in told]),
        "mrr": numbers([p.mrr for p in batch]),
        "currency": texts([p.currency for p in batch]),
        "att_version": texts([a.version for a in whose]),
        "person": texts([a.person for a in whose]),
        "account": texts([a.account for a in whose]),
        "dec_version": texts([d.version for d in about]),
        "causes": texts([_encode([(c.id, c.p) for c in d.causes]).decode() for d in about]),
        "stage": texts([d.stage for d in about]),
        "severity": numbers([d.severity for d in about]),
        "sentiment": numbers([d.sentiment for d in about]),
        "model": texts([d.model for d in about]),
        "taxonomy": numbers([d.taxonomy for d in about]),
    }


async def erase(tx: Transaction, batch: Iterable[tuple[str, str]]) -> list[Change]:
    """Empty these records (tenant, record id) for good, also those never seen; what changed."""
    ordered = sorted(set(batch))
    rows: Any = await tx.rows(
        ERASE, tenant=texts([t for t, _ in ordered]), record_id=texts([r for _, r in ordered])
    )
    return [Change(tenant, record, _counted(was), None, "erased") for tenant, record, *was in rows]


def _told(parts: Parts) -> Fact | None:
    """The fact of a record that nothing was known of before."""
    told, about = parts.revision, parts.decision
    if not told.version:
        return None
    return fact(
        parts.record,
        parts.attribution.person,
        told.occurred_at,
        told.known_at,
        told.local_day,
        told.kind,
        told.stakeholder,
        told.channel,
        told.product,
        told.segment,
        told.team,
        told.suspect,
        told.score,
        bool(about.version),
        about.stage,
        tuple([c.id for c in about.causes]),
    )


def _counted(state: Sequence[Any]) -> Fact | None:
    """The fact of a state; None where nothing of the record is counted."""
    return read_fact(state[2:]) if state[0] else None


def read_fact(values: Sequence[Any]) -> Fact:
    """The fact of a counted record, of its `columns`."""
    given = list(values)
    given[12] = _score(values[12]) if values[12] else None
    given[15] = tuple([cause for cause, _ in _causes(values[15])]) if values[15] else ()
    return fact(*given)
