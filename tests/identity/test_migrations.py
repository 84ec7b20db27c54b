"""Records of an earlier schema are read as before after an upgrade; erased ones stay empty."""

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import msgspec
from voc_common import versions
from voc_common.postgres.migrations import migrate
from voc_identity.domain.names import Name
from voc_identity.domain.records import Key, Record, atom_of

_ID = "0068e8087dec318878698bed73805d5e"
_KEYS = (Key("email", b"\x95" * 16, "", "ann@acme1.com"),)
_NAME = Name("ann", "fox")
_EARLIER = msgspec.msgpack.encode((_ID, _KEYS, _NAME, ("acme",), ()))
_RECORDS = (
    ("alone", _ID, _EARLIER, "", False),
    ("gone", _ID, b"", "", True),
    ("said", _ID, _EARLIER, _ID, False),
    ("said", "f" * 32, b"", _ID, False),
)


async def test_atoms_lose_their_ids_and_people_have_spoken(database_url: str) -> None:
    await migrate(database_url, "identity", revision="0002")
    connection = await asyncpg.connect(database_url)
    await connection.executemany(
        "insert into identity.record (tenant, record_id, atom, component, erased, rev_version) "
        "values ($1, $2, $3, $4, $5, case when $5 then '' else $6 end)",
        [(*told, versions.revision(5, 1_760_000_000_000_000, b"said")) for told in _RECORDS],
    )
    await connection.execute(
        "insert into identity.edge (tenant, kind, left_records, right_records, made_by) "
        f"values ('said', 'must', array['{_ID}'], array['x'], 'ann')"
    )
    await connection.execute(
        f"insert into identity.edge_record select tenant, '{_ID}', edge from identity.edge"
    )
    await connection.execute("insert into identity.key (tenant, hash) values ('alone', 'linking')")
    await connection.execute(f"insert into identity.holder values ('alone', 'linking', '{_ID}')")
    await connection.execute("insert into identity.tenant (tenant, secret) values ('said', 'key')")
    await migrate(database_url, "identity")
    rows = await connection.fetch(
        "select tenant, atom, manual, first_at from identity.record order by tenant, record_id"
    )
    told = atom_of(Record(_ID, _KEYS, _NAME, ("acme",)))
    assert [tuple(row) for row in rows] == [
        ("alone", told, False, 1_760_000_000_000_000),
        ("gone", b"", False, 0),
        ("said", told, True, 1_760_000_000_000_000),
        ("said", b"", True, 1_760_000_000_000_000),
    ]
    assert await connection.fetchval("select count(*) from identity.holder") == 0
    assert await connection.fetchval("select rekeyed_rules < rules from identity.tenant"), (
        "read anew"
    )
    forced = "select bool_and(relforcerowsecurity) from pg_class where relnamespace = 'identity'::regnamespace and relname in ('record', 'key', 'holder', 'edge', 'edge_record', 'tenant')"
    assert await connection.fetchval(forced)
    await connection.close()
