"""Counting by id what came of everything that was accepted: archived, resolved, classified, counted, each once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.telling import Telling

_ACTIVITY = "contact_opened"
DAY = 2
"""The grain of a day in `scorecard.volume`: every record is in one day."""


@dataclass
class Ledger:
    """How many records each stage has, by what they are, and all that is not as it must be."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    wrong: list[str] = field(default_factory=list[str])

    def ids(self, what: str, wanted: Collection[object], there: Collection[object]) -> None:
        """Note which are missing, and which are too many."""
        missing, more = set(wanted) - set(there), set(there) - set(wanted)
        for word, found in (("missing", missing), ("too many", more)):
            if found:
                some = ", ".join(sorted(map(str, found))[:3])
                self.wrong.append(f"{what}: {len(found)} {word} ({some})")

    def numbers(self, what: str, wanted: Mapping[Any, object], there: Mapping[Any, object]) -> None:
        """Note which numbers are others."""
        keys = sorted(wanted.keys() | there.keys(), key=str)
        other = [k for k in keys if wanted.get(k) != there.get(k)]
        if other:
            said = [f"{k}: {wanted.get(k)} wanted, {there.get(k)} there" for k in other[:5]]
            self.wrong.append(f"{what}: {len(other)} are wrong: {'; '.join(said)}")


async def count(telling: Telling) -> Ledger:
    """Count a tenant about which nothing is on its way any more."""
    ledger = Ledger()
    erased = await _erased(telling, ledger)
    for kind, accepted in telling.accepted.items():
        gone = accepted & erased
        stages = {
            "accepted": accepted,
            "archived": await _archived(telling, kind, ledger) | gone,
            "resolved": (await _ids(telling, "identity", "rev_version <> ''") & accepted) | gone,
        }
        if kind == "feedback":
            stages["classified"] = await _ids(telling, "taxonomy", "dec_version <> ''") | gone
        stages["counted"] = await _counted(telling, kind) | gone
        ledger.counts[kind] = {stage: len(found) for stage, found in stages.items()}
        ledger.counts[kind]["erased"] = len(gone)
        for stage, found in stages.items():
            ledger.ids(f"{kind} {stage}", accepted, found)
    everything = telling.accepted["feedback"] | telling.accepted["activity"]
    known = await _ids(telling, "identity", "rev_version <> '' or erased")
    ledger.ids("known to identity", everything, known)
    await _persons(telling, ledger)
    await _rollups(telling, ledger)
    return ledger


async def _persons(telling: Telling, ledger: Ledger) -> None:
    """Whose each record is: identity's word, and what the scorecard counts it for."""
    rows = await telling.system.rows(
        "select i.record_id, i.person, s.person as counted, i.counter, s.att_version "
        "from identity.record i join scorecard.record s using (tenant, record_id) "
        "where tenant = $1 and not i.erased and i.person <> s.person",
        telling.tenant,
    )
    ledger.ids("counted for another person", (), {str(dict(r)) for r in rows})


async def _ids(telling: Telling, service: str, where: str) -> set[str]:
    rows = await telling.system.rows(
        f"select record_id from {service}.record where tenant = $1 and ({where})", telling.tenant
    )
    return {r["record_id"] for r in rows}


async def _erased(telling: Telling, ledger: Ledger) -> set[str]:
    """What identity has erased, and every other service with it."""
    found = await _ids(telling, "identity", "erased")
    for service in ("ingest", "scorecard"):
        ledger.ids(f"erased in {service}", found, await _ids(telling, service, "erased"))
    feedback = telling.accepted["feedback"]
    theirs = await _ids(telling, "taxonomy", "erased") & feedback
    ledger.ids("erased in taxonomy", found & feedback, theirs)
    rows = await telling.system.rows(
        "select record_id from ingest.archive where tenant = $1 and record_id = any($2)",
        telling.tenant,
        sorted(found),
    )
    ledger.ids("archived though erased", (), {r["record_id"] for r in rows})
    return found


async def _archived(telling: Telling, kind: str, ledger: Ledger) -> set[str]:
    rows = await telling.system.rows(
        "select record_id, revision, count(*) as n from ingest.archive "
        "where tenant = $1 and event_kind = $2 group by 1, 2",
        telling.tenant,
        kind,
    )
    twice = {f"{r['record_id']} {r['revision']}" for r in rows if r["n"] != 1}
    ledger.ids(f"{kind} revisions archived more than once", (), twice)
    return {r["record_id"] for r in rows}


async def _counted(telling: Telling, kind: str) -> set[str]:
    whole = "not erased and rev_version <> '' and att_version <> ''"
    if kind == "feedback":
        return await _ids(
            telling, "scorecard", f"{whole} and dec_version <> '' and kind <> '{_ACTIVITY}'"
        )
    return await _ids(telling, "scorecard", f"{whole} and kind = '{_ACTIVITY}'")


async def _rollups(telling: Telling, ledger: Ledger) -> None:
    """Every number against the recomputation: as the API tells it, and as it lies in the table."""
    wanted, told = await telling.expected(), await telling.counted()
    shown = {c: n for c, n in wanted.records.items() if not c.startswith("activity:")}
    ledger.numbers("records of cells", shown, told.records)
    people = {c: n for c, n in wanted.people.items() if c in shown}
    ledger.numbers("people of cells", people, told.people)
    ledger.numbers("NPS of cells", wanted.nps, told.nps)
    rows = await telling.system.rows(
        "select cell, sum(records)::int as records from scorecard.volume "
        "where tenant = $1 and grain = $2 group by cell having sum(records) <> 0",
        telling.tenant,
        DAY,
    )
    there = {r["cell"]: r["records"] for r in rows if _recomputed(r["cell"])}
    ledger.numbers("rollups of days", dict(wanted.records), there)


def _recomputed(cell: str) -> bool:
    """Whether the oracle counts such a cell: of one dimension, but for journey stages and lateness."""
    single = ":" in cell and "|" not in cell and not cell.startswith("stage:")
    return single or cell == "all"
