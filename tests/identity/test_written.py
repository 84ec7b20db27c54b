"""What was seen must still stand when it is written: otherwise nothing may be kept."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from voc_common.postgres import Database
from voc_common.postgres.migrations import migrate
from voc_identity import repository
from voc_identity.repository import Row, Written

_FIRST, _SECOND = "a" * 32, "b" * 32
_TWIN = Row(
    tenant="t", record_id=_FIRST, rev_version="1", atom=b"atom", component=_FIRST, person=_FIRST,
    account="acme", counter=1, profile=b"p" * 16,
)  # fmt: skip


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    await migrate(database_url, "identity")
    found = Database(database_url, "identity", "worker", pool=1)
    yield found
    await found.close()


def written(*records: Row, **more: object) -> Written:
    nothing = Written(
        now=1, records=records, seen={}, followed=(), twins={}, keys={}, held=(), left=(),
        profiles={("t", _TWIN.profile): _FIRST}, noted={},
    )  # fmt: skip
    return msgspec.structs.replace(nothing, **more)


@pytest.mark.parametrize(
    ("other", "stands"), [({}, True), ({"place": "(9,9)"}, False), ({"made_by": "1"}, False)]
)
async def test_a_record_follows_the_row_that_was_seen_and_no_other(
    database: Database, other: dict[str, str], stands: bool
) -> None:
    """A row that took the place of the one that was seen was written by another transaction."""
    tenant = f"t{len(other)}{''.join(other)}"
    twin = msgspec.structs.replace(_TWIN, tenant=tenant)
    key = (tenant, _SECOND)
    async with database.transaction() as tx:
        noted = {(tenant, twin.profile): _FIRST}
        assert await repository.write(tx, written(twin, profiles=noted)) == []
    async with database.transaction() as tx:
        _, twins, _ = await repository.rows_or_twins(tx, {key: twin.profile})
        seen = msgspec.structs.replace(twins[key], **other)
        later = msgspec.structs.replace(twin, record_id=_SECOND, rev_version="2")
        following = written(followed=(later,), twins={key: seen}, profiles={})
        assert (await repository.write(tx, following) is not None) == stands
        there = await repository.rows(tx, [key])
    assert [(r.atom, r.person, r.account, r.rev_version) for r in there.values()] == (
        [(b"atom", _FIRST, "acme", "2")] if stands else []
    )


async def test_a_record_that_moved_keeps_what_it_told(database: Database) -> None:
    """And one whose revision or counter is another than was seen is not written at all."""
    twin = msgspec.structs.replace(_TWIN, tenant="moved")
    moved = msgspec.structs.replace(twin, component=_SECOND, person=_SECOND, counter=2, manual=True)
    edited = msgspec.structs.replace(moved, rev_version="2", atom=b"other", counter=3)
    async with database.transaction() as tx:
        assert await repository.write(tx, written(twin)) == []
        for now, before in ((moved, twin), (edited, moved)):
            for stale in ({"rev_version": "0"}, {"counter": 9}):
                other = {twin.key: msgspec.structs.replace(before, **stale)}
                told = (
                    now
                    if now is edited
                    else msgspec.structs.replace(now, rev_version=other[twin.key].rev_version)
                )
                assert await repository.write(tx, written(told, seen=other)) is None
            assert await repository.write(tx, written(now, seen={twin.key: before})) == []
            assert (await repository.rows(tx, [twin.key]))[twin.key] == now
