"""A person is named by the record that first reached voc, in whatever order its history is told."""

from voc_common.events import FeedbackReceived, Identifier
from voc_common.fold import fold
from voc_common.postgres import Database
from voc_identity.handlers import reading, records
from voc_identity.settings import IdentitySettings

from .test_speakers import last_told
from .worlds import saying, stored

ANN = Identifier("email", "ann@acme1.com")


async def told_of(
    database: Database, settings: IdentitySettings, events: list[FeedbackReceived]
) -> list[str]:
    """The persons of the last record after each of these, one transaction each."""
    tenant, found = events[0].tenant, list[str]()
    for event in events:
        await database.retried(
            lambda tx, e=event: records.feedback_received(tx, fold([e]), settings)
        )
        there = await stored(database, tenant)
        assert len(set(there.values())) == 1
        found.append(there[event.record_id][0])
    return found


async def test_a_history_that_comes_newest_first_renames_nobody(
    database: Database, settings: IdentitySettings
) -> None:
    tenant = "newest"
    numbers = sorted(range(12), key=lambda n: saying(tenant, n).record_id, reverse=True)
    events = [saying(tenant, n, ANN, came=at) for at, n in enumerate(numbers)]
    names = await told_of(database, settings, events)
    assert set(names) == {events[0].record_id}
    assert not await last_told(database, tenant, []), "nothing moved"


async def test_what_came_first_names_a_person_also_when_it_is_handled_late_or_edited(
    database: Database, settings: IdentitySettings
) -> None:
    tenant = "late"
    second, first = (saying(tenant, n, ANN, came=came) for n, came in ((1, 7), (2, 3)))
    edited = saying(tenant, 2, ANN, Identifier("name", "Ann Fox"), revision=2, came=3)
    names = await told_of(database, settings, [second, first, edited])
    assert names == [second.record_id, first.record_id, first.record_id]
    assert await last_told(database, tenant, []) == {second.record_id: first.record_id}


async def test_a_person_is_explained_also_by_its_former_name(
    database: Database, settings: IdentitySettings
) -> None:
    """As after an upgrade, until it has been read anew."""
    tenant = "former"
    events = [saying(tenant, n, ANN, came=n) for n in (1, 2)]
    names = await told_of(database, settings, events)
    former = events[1].record_id
    async with database.transaction() as tx:
        now = await reading.person(tx, tenant, names[0], settings)
        await tx.run(
            "update identity.record set person = :p, component = :p where tenant = :t",
            p=former,
            t=tenant,
        )
        await tx.run("update identity.key set component = :p where tenant = :t", p=former, t=tenant)
        then = await reading.person(tx, tenant, former, settings)
    assert [link.records for link in then.links] == [link.records for link in now.links] != []
    assert {link.person_id for link in then.links} == {former}
