"""Everything that clustering anew has changed, written by one statement."""

from collections.abc import Collection, Mapping

from msgspec import Struct
from voc_common.postgres import Transaction

from voc_identity.repository.records import (
    CHANGED,
    MADE,
    PROFILES,
    profiles_written,
    records_written,
)
from voc_identity.repository.shapes import HashKey, KeyState, RecordKey, Row
from voc_identity.repository.values import HELD, KEYS, LEFT, holders_written, keys_written


class Written(Struct, frozen=True, gc=False, kw_only=True):
    """What is to be written.

    `records` as they are now, with `seen`, what was known of them before; `keys` are values with what is
    now known of them; `held` and `left` say which records hold which generic values now and no longer
    (tenant, hash, record id); `profiles` name a record of each.
    """

    records: Collection[Row]
    seen: Mapping[RecordKey, Row]
    keys: Mapping[HashKey, KeyState]
    held: Collection[tuple[str, bytes, str]]
    left: Collection[tuple[str, bytes, str]]
    profiles: Mapping[HashKey, str]


_PARTS = {"keys": KEYS, "gone": LEFT, "held": HELD, "profiles": PROFILES}
_WRITE = (
    f"with made as ({MADE} returning 1), changed as ({CHANGED} returning 1), "
    + ", ".join(f"{name} as ({sql})" for name, sql in _PARTS.items())
    + " select (select count(*) from made) + (select count(*) from changed) as records"
)


async def write(tx: Transaction, what: Written) -> bool:
    """Write it; False if a record is no longer as it was seen, then nothing may be kept."""
    given, expected = records_written(what.records, what.seen)
    row = await tx.row(
        _WRITE,
        **given,
        **keys_written(what.keys),
        **holders_written(what.held, what.left),
        **profiles_written(what.profiles),
    )
    return row.records == expected
