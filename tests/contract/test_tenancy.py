"""Row-level security by trying: raw SQL in each service's roles over every table of every schema."""

import re
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest
import pytest_asyncio
from voc_cli import services
from voc_common.postgres.database import Role, role_name
from voc_common.postgres.migrations import migrate

ONE, OTHER = "one", "other"
DENIED = asyncpg.InsufficientPrivilegeError
ONLY_ADDED_TO = "only added to"
"""What a table says whose rows nobody may change: an audit trail."""
ROLES: tuple[Role, ...] = ("api", "worker")

COLUMNS = """
select a.attname as name, format_type(a.atttypid, null) as type
from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped
and a.attnotnull and not a.atthasdef and a.attidentity = '' order by a.attnum
"""
TABLES = """
select n.nspname as schema, c.relname as name, c.relispartition as part,
  exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant'
          and not a.attisdropped) as tenanted,
  (select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
   and not a.attisdropped and a.attidentity = '' order by a.attnum limit 1) as column
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any($1::text[]) and c.relkind in ('r', 'p') order by 1, 2
"""


Row = dict[str, str]


@dataclass(frozen=True)
class Table:
    """A table of a service: one of its columns, and the rows of two tenants, as inserted."""

    schema: str
    name: str
    part: bool
    tenanted: bool
    column: str
    rows: Mapping[str, Row]

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


class Cluster:
    """All schemas in one database, with a row of two tenants in every tenant's table."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.namespace = f"n{secrets.token_hex(4)}."
        self.tables: list[Table] = []

    @asynccontextmanager
    async def session(
        self, service: str = "", role: Role = "api", tenant: str | None = None
    ) -> AsyncIterator[asyncpg.Connection]:
        """A transaction in a service's role (the database owner's without one), taken back at the end."""
        connection = await asyncpg.connect(self.url)
        try:
            transaction = connection.transaction()
            await transaction.start()
            if service:
                await connection.execute(f"set role {role_name(self.namespace, service, role)}")
            if tenant is not None:
                await connection.execute("select set_config('voc.tenant', $1, true)", tenant)
            yield connection
            await transaction.rollback()
        finally:
            await connection.close()

    def tenanted(self) -> dict[str, list[Table]]:
        """Tables of tenants' rows by service; partitions apart, which are reached through their parent."""
        found: dict[str, list[Table]] = {}
        for table in self.tables:
            if table.tenanted and not table.part:
                found.setdefault(table.schema, []).append(table)
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster(database_url: str) -> AsyncIterator[Cluster]:
    found = Cluster(database_url)
    names = services.migrated()
    for service in names:
        await migrate(database_url, service, found.namespace)
    owner = await asyncpg.connect(database_url)
    try:
        if "ingest" in names:
            await owner.execute("select ingest.ensure_archive($1)", _now())
        for row in await owner.fetch(TABLES, names):
            place = f"{row['schema']}.{row['name']}"
            rows: dict[str, Row] = {}
            if row["tenanted"] and not row["part"]:
                rows = {t: await _fill(owner, place, t) for t in (ONE, OTHER)}
            found.tables.append(Table(**row, rows=rows))
        yield found
    finally:
        for service in names:
            for role in ("owner", "api", "worker"):
                name = role_name(found.namespace, service, role)
                await owner.execute(f"drop owned by {name} cascade")
                await owner.execute(f"drop role {name}")
        await owner.close()


def _now() -> int:
    return time.time_ns() // 1000


async def _fill(owner: asyncpg.Connection, place: str, tenant: str) -> Row:
    """Insert the least row that the table's checks allow."""
    checks = [
        r["rule"]
        for r in await owner.fetch(
            "select pg_get_constraintdef(oid) as rule from pg_constraint "
            "where conrelid = $1::regclass and contype = 'c'",
            place,
        )
    ]
    row = {
        c["name"]: tenant if c["name"] == "tenant" else _value(c["name"], c["type"], tenant, checks)
        for c in await owner.fetch(COLUMNS, place)
    }
    await owner.execute(f"set session_replication_role = replica; {_insert(place, row)}")
    return row


def _value(name: str, kind: str, tenant: str, checks: list[str]) -> str:
    for check in checks:
        allowed = re.findall(r"'([^']+)'::text", check)
        if re.search(rf"\b{name}\b", check) and allowed:
            return allowed[0]
    plain = {
        "text": f"x-{tenant}",
        "bytea": "\\x" + "00" * 32,
        "bigint": str(_now()),
        "jsonb": "{}",
        "boolean": "true",
        "timestamp with time zone": "now",
    }
    return plain.get(kind, "{}" if kind.endswith("[]") else "1")


def _insert(place: Table | str, row: Row) -> str:
    values = ", ".join("'" + value.replace("'", "''") + "'" for value in row.values())
    return f"insert into {place} ({', '.join(row)}) values ({values})"


async def refused(connection: asyncpg.Connection, statement: str, why: str) -> None:
    """Postgres must refuse a statement for want of rights; the transaction goes on."""
    assert re.search(why, await outcome(connection, statement)), statement


async def outcome(connection: asyncpg.Connection, statement: str) -> str:
    """What Postgres answers, or why it refuses for want of rights; nothing of it stays."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        return await connection.execute(statement)
    except DENIED as error:
        return str(error)
    finally:
        await attempt.rollback()


async def test_there_are_tables_of_every_service(cluster: Cluster) -> None:
    assert set(services.migrated()) == set(services.SERVICES) == set(cluster.tenanted())
    assert all(len(tables) >= 5 for tables in cluster.tenanted().values())


async def test_an_api_sees_and_changes_its_tenants_rows_alone(cluster: Cluster) -> None:
    for service, tables in cluster.tenanted().items():
        async with cluster.session(service, tenant=ONE) as c:
            for table in tables:
                seen = await c.fetch(f"select tenant from {table}")
                assert [r["tenant"] for r in seen] == [ONE], table
                hidden = await c.fetchval(f"select count(*) from {table} where tenant = $1", OTHER)
                assert hidden == 0, table
                done = await outcome(c, f"delete from {table} where tenant = '{OTHER}'")
                assert done == "DELETE 0" or ONLY_ADDED_TO in done, table
            await c.execute("reset role")
            for table in tables:
                there = await c.fetchval(f"select count(*) from {table} where tenant = $1", OTHER)
                assert there == 1, table


async def test_an_api_cannot_write_in_another_tenants_name(cluster: Cluster) -> None:
    for service, tables in cluster.tenanted().items():
        async with cluster.session(service, tenant=ONE) as c:
            for table in tables:
                own = table.rows[ONE]
                await refused(c, _insert(table, own | {"tenant": OTHER}), "row-level security")
                renamed = f"update {table} set tenant = '{OTHER}'"
                await refused(c, renamed, f"row-level security|{ONLY_ADDED_TO}")
                # The row itself is good, so it was the policy that refused it.
                done = await outcome(c, f"{_insert(table, own)} on conflict do nothing")
                assert done.startswith("INSERT"), table


@pytest.mark.parametrize("tenant", [None, ""])
async def test_without_a_tenant_it_is_an_error(cluster: Cluster, tenant: str | None) -> None:
    for service, tables in cluster.tenanted().items():
        async with cluster.session(service, tenant=tenant) as c:
            for table in tables:
                for statement in (
                    f"select * from {table}",
                    f"select count(*) from {table}",
                    _insert(table, table.rows[ONE]),
                    f"update {table} set tenant = tenant",
                    f"delete from {table}",
                ):
                    await refused(c, statement, f"no tenant is set|{ONLY_ADDED_TO}")


async def test_a_worker_sees_every_tenant(cluster: Cluster) -> None:
    for service, tables in cluster.tenanted().items():
        async with cluster.session(service, "worker") as c:
            for table in tables:
                seen = await c.fetch(f"select tenant from {table} order by tenant")
                assert [r["tenant"] for r in seen] == [ONE, OTHER], table


async def test_the_owner_of_the_tables_sees_no_rows(cluster: Cluster) -> None:
    """Row-level security is forced: whoever comes by the owner's role reads nothing in one."""
    for service, tables in cluster.tenanted().items():
        async with cluster.session(service, "owner", ONE) as c:
            for table in tables:
                assert await c.fetchval(f"select count(*) from {table}") == 0, table


async def test_what_belongs_to_no_tenant_is_not_the_apis_to_write(cluster: Cluster) -> None:
    for service in services.migrated():
        tables = [t for t in cluster.tables if t.schema == service and not t.tenanted]
        assert {t.name for t in tables} >= {"outbox", "generation", "attempt", "alembic_version"}
        async with cluster.session(service, tenant=ONE) as c:
            for table in tables:
                denied = "permission denied"
                await refused(c, f"update {table} set {table.column} = null", denied)
                await refused(c, f"delete from {table}", denied)
                if table.name == "outbox":
                    # An api has something to say, but what others have said is not for it to read.
                    await refused(c, f"select * from {table}", denied)
                    said = "(topic, key, value, headers) values ('t', '', '', '')"
                    await c.execute(f"insert into {table} {said}")
                else:
                    await refused(c, f"insert into {table} default values", denied)


async def test_no_table_can_be_emptied_or_unlocked_by_an_api(cluster: Cluster) -> None:
    for service in services.migrated():
        async with cluster.session(service, tenant=ONE) as c:
            for table in (t for t in cluster.tables if t.schema == service):
                await refused(c, f"truncate {table}", "permission denied")
                unlock = f"alter table {table} disable row level security"
                await refused(c, unlock, "must be owner")
                await refused(c, f"drop table {table}", "must be owner")


async def test_partitions_are_no_way_around_the_policy(cluster: Cluster) -> None:
    """The policy of a partitioned table does not hold for its partitions when they are named."""
    parts = [t for t in cluster.tables if t.part]
    assert parts, "the archive is partitioned"
    for table in parts:
        for role in ROLES:
            async with cluster.session(table.schema, role, ONE) as c:
                await refused(c, f"select * from {table}", "permission denied")


async def test_no_service_reads_the_schema_of_another(cluster: Cluster) -> None:
    for service in services.migrated():
        for role in ("owner", *ROLES):
            async with cluster.session(service, role, ONE) as c:
                for table in (t for t in cluster.tables if t.schema != service):
                    await refused(c, f"select * from {table}", "permission denied for schema")


async def test_no_view_or_function_runs_with_more_rights_than_its_caller(cluster: Cluster) -> None:
    """Views and functions of the owner would look around the policies."""
    async with cluster.session() as c:
        views = await c.fetch(
            "select c.oid::regclass::text as name from pg_class c "
            "join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname = any($1::text[]) and c.relkind in ('v', 'm')",
            services.migrated(),
        )
        assert not views
        functions = await c.fetch(
            "select p.oid::regproc::text as name from pg_proc p "
            "join pg_namespace n on n.oid = p.pronamespace "
            "where n.nspname = any($1::text[]) and p.prosecdef order by 1",
            services.migrated(),
        )
    # These two change partitions and read no rows; the second is tried below.
    assert [f["name"] for f in functions] == ["ingest.drop_archive", "ingest.ensure_archive"]
    async with cluster.session("ingest", tenant=ONE) as c:
        with pytest.raises(DENIED, match="not allowed"):
            await c.execute("select ingest.drop_archive(0)")


async def test_every_key_begins_with_the_tenant(cluster: Cluster) -> None:
    """Unique checks ignore row-level security: a key without the tenant would tell of others' rows."""
    async with cluster.session() as c:
        keys = await c.fetch(
            "select c.oid::regclass::text as place, c.relname as name, "
            "array(select a.attname::text from unnest(i.indkey::int2[]) k join pg_attribute a "
            "on a.attrelid = c.oid and a.attnum = k) as columns, "
            "exists (select from pg_attribute a where a.attrelid = c.oid and a.attnum = i.indkey[0] "
            "and a.attidentity = 'a') as numbered "
            "from pg_index i join pg_class c on c.oid = i.indrelid "
            "join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname = any($1::text[]) and i.indisunique and not c.relispartition",
            services.migrated(),
        )
    tenanted = {str(t) for tables in cluster.tenanted().values() for t in tables}
    strange = {
        (key["place"], tuple(key["columns"]))
        for key in keys
        if key["place"] in tenanted
        and key["columns"][0] != "tenant"
        # A number that Postgres gives cannot be asked for. A dead letter's id is a hash of what came:
        # the same message must not be kept twice because its tenant could be read the second time.
        and not key["numbered"]
        and key["name"] != "dead_letter"
    }
    assert not strange
