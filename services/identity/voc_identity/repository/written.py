"""Everything that clustering anew has changed, written by one statement."""

from collections.abc import Collection, Mapping

from msgspec import Struct
from voc_common.postgres import AlreadyThere, Transaction, taken_as_new

from voc_identity.repository.records import (
    CARRIED,
    CHANGED,
    MADE,
    MOVED,
    PROFILES,
    TWIN,
    carried_written,
    followed_sql,
    followed_written,
    profiles_written,
    records_written,
)
from voc_identity.repository.shapes import COLUMNS, HashKey, KeyState, Noted, RecordKey, Row, row
from voc_identity.repository.values import HELD, KEYS, LEFT, holders_written, keys_written


class Written(Struct, frozen=True, gc=False, kw_only=True):
    """What is to be written.

    `records` as they are now, with `seen`, what was known of them before; those that are `speakers` take along
    all that tell the same; `followed` are new records with
    the `twins` whose they are, sorted; `keys` are values with what is now known of them; `held` and `left` say which
    records hold which generic values now and no longer (tenant, hash, record id); `profiles` name a record
    of each, `noted` is what was noted of them before.
    """

    now: int
    records: Collection[Row]
    seen: Mapping[RecordKey, Row]
    speakers: Collection[RecordKey] = ()
    followed: Collection[Row]
    twins: Mapping[RecordKey, Noted]
    keys: Mapping[HashKey, KeyState]
    held: Collection[tuple[str, bytes, str]]
    left: Collection[tuple[str, bytes, str]]
    profiles: Mapping[HashKey, str]
    noted: Mapping[HashKey, Noted]

    @property
    def anything(self) -> bool:
        """Whether there is anything to write."""
        return any((self.records, self.followed, self.keys, self.held, self.left))


_PARTS = {"keys": KEYS, "gone": LEFT, "held": HELD, "profiles": PROFILES}


def write_sql(twin: str = TWIN) -> str:
    """The statement that writes all of it and counts the records; `twin` is the twins' second look-up."""
    counted = {"made": MADE, "changed": CHANGED, "moved": MOVED, "followed": followed_sql(twin)}
    parts = [f"{name} as ({sql} returning 1)" for name, sql in counted.items()]
    parts += [f"{name} as ({sql})" for name, sql in _PARTS.items()]
    sums = " + ".join(f"(select count(*) from {name})" for name in counted)
    return (
        f"with {', '.join(parts)}, carried as ({CARRIED}) select {COLUMNS}, 0 as written from carried "
        f"union all select {_NONE}, {sums}"
    )


_NONE = ", ".join("null" for _ in Row.__struct_fields__)
WRITE = write_sql()


async def write(tx: Transaction, what: Written) -> list[Row] | None:
    """Write it; returns the records taken along. None if a record or a twin is no longer as it was seen, then nothing may be kept."""
    given, expected = records_written(what.records, what.seen)
    try:
        with taken_as_new():
            found = await tx.rows(
                WRITE,
                **given,
                **carried_written(what.records, what.seen, what.speakers),
                **followed_written(what.followed, what.twins),
                now=what.now,
                **keys_written(what.keys),
                **holders_written(what.held, what.left),
                **profiles_written(what.profiles, what.noted),
            )
    except AlreadyThere:
        return None
    *carried, (*_, written) = found
    if written != expected + len(what.followed):
        return None
    return [row(r[:-1]) for r in carried]
