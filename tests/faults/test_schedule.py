"""A seeded schedule of faults under load, and that its counting would notice what it looks for."""

import os
from collections.abc import Callable

import pytest
from faults import counting, report, schedule
from faults.catalogue import KINDS
from faults.load import Load
from harness import telling
from harness.stand import Stand

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("VOC_FAULTS_SEED", "7"))
COUNT = int(os.environ.get("VOC_FAULTS_COUNT", "10"))


async def test_all_that_was_accepted_is_counted_once_whatever_happened(
    tell: Callable[[str], None],
) -> None:
    outcome = await schedule.run(SEED, COUNT, tell)
    tell(report.as_markdown(outcome))
    assert outcome.good, [*outcome.wrong, *outcome.ledger.wrong]
    assert len(outcome.happened) + len(outcome.impossible) >= COUNT
    assert min(outcome.ledger.counts["feedback"].values()) > 0, "without erasures it shows little"
    assert outcome.poison


def test_a_seed_draws_the_same_again_and_every_kind_before_one_comes_twice() -> None:
    def names(seed: int, count: int) -> list[list[tuple[str, int, float]]]:
        groups = schedule.drawn(seed, count)
        return [[(f.name, f.seed, f.seconds) for f in group] for group in groups]

    assert names(3, 50) == names(3, 50)
    assert names(3, 50) != names(4, 50)
    first = [name for group in names(3, len(KINDS)) for name, *_ in group]
    assert sorted(first) == sorted(kind.name for kind in KINDS)
    assert any(len(group) == 2 for group in names(3, 50))


async def test_the_counting_turns_red(stand: Stand) -> None:
    """Each of the ways in which a number could be wrong is made by hand, seen, and put right again."""
    told = await telling.begin(stand.system, 21)
    load = Load(told, 21, pause=0.05)
    async with load.running():
        while len(told.records) < 150:
            await load.probe()
    await stand.system.settled()
    assert not (await counting.count(told)).wrong
    for table, damage, seen in DAMAGES:
        await stand.system.run(f"create table public.kept as select * from {table}")
        await stand.system.run(damage, told.tenant)
        wrong = (await counting.count(told)).wrong
        assert any(w.startswith(seen) for w in wrong), (damage, wrong)
        await stand.system.run(f"delete from {table}")
        await stand.system.run(f"insert into {table} select * from public.kept")
        await stand.system.run("drop table public.kept")
    assert not (await counting.count(told)).wrong


ONE = "where tenant = $1 and record_id = (select min(record_id) from {} where tenant = $1 and {})"
ONE_ARCHIVED = ONE.format("ingest.archive", "event_kind = 'feedback'")
ONE_DECIDED = ONE.format("taxonomy.record", "dec_version <> ''")
TWICE = (
    "insert into ingest.archive select tenant, received_at + 1, record_id, revision, source, "
    f"event_kind, lane, load, event from ingest.archive {ONE_ARCHIVED}"
)
DAMAGES = (
    ("ingest.archive", f"delete from ingest.archive {ONE_ARCHIVED}", "feedback archived"),
    (
        "ingest.archive",
        TWICE,
        "feedback revisions archived more than once",
    ),
    ("identity.record", f"delete from identity.record {ONE_DECIDED}", "feedback resolved"),
    ("taxonomy.record", f"delete from taxonomy.record {ONE_DECIDED}", "feedback classified"),
    ("scorecard.record", f"delete from scorecard.record {ONE_DECIDED}", "feedback counted"),
    (
        "scorecard.volume",
        "update scorecard.volume set records = records + 1 where tenant = $1 and cell = 'all' and grain = 2",
        "rollups of days",
    ),
    (
        "scorecard.volume",
        "update scorecard.volume set people = people + 1 where tenant = $1 and cell = 'all'",
        "people of cells",
    ),
    (
        "scorecard.score",
        "update scorecard.score set promoters = promoters + 1 where tenant = $1",
        "NPS of cells",
    ),
)
