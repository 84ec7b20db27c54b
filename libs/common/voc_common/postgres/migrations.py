"""Migrations of one service's schema: roles, Alembic revisions, row-level security."""

import asyncio
from collections.abc import Sequence
from importlib import resources
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from voc_common.postgres.database import Role, async_url, role_name

_ROLES: Sequence[Role] = ("owner", "api", "worker")

_STATISTICS = 10
"""Most frequent values and buckets kept of a column: a tenth of what is usual, from a tenth of the rows.

Rows are looked up by their keys, whatever is known of them; reading and sorting 30,000 wide rows each time a
table has grown by a tenth gains them nothing.
"""
_LOCK = 0x766F63  # "voc": two migrations at once would create roles and schemas twice

_ROLE = """
do $$ begin
  if not exists (select from pg_roles where rolname = '{role}') then create role {role} nologin; end if;
-- Roles are the cluster's, the lock above is the database's: another database may have made it just now.
exception when duplicate_object or unique_violation then null;
end $$
"""

_APP_TENANT = """
create or replace function {schema}.app_tenant() returns text language plpgsql stable as $$
declare tenant text := current_setting('voc.tenant', true);
begin
  if tenant is null or tenant = '' then
    raise exception 'no tenant is set on this transaction' using errcode = '42501';
  end if;
  return tenant;
end $$
"""

COMMON_TABLES = """
create table {schema}.outbox (
  id bigint generated always as identity primary key,
  topic text not null,
  key bytea not null,
  value bytea not null,
  headers bytea not null,
  created_at timestamptz not null default now()
);
create table {schema}.dead_letter (
  id text primary key,
  tenant text collate "C" not null,
  topic text not null,
  type text not null,
  reason text not null,
  key bytea not null,
  value bytea not null,
  headers bytea not null,
  created_at timestamptz not null default now(),
  replayed_at timestamptz
);
create index on {schema}.dead_letter (tenant, created_at, id);
create table {schema}.generation (
  one bool primary key default true check (one),
  value int not null default 1
);
insert into {schema}.generation default values;
create table {schema}.attempt (
  topic text not null,
  partition int not null,
  first bigint not null,
  tries int not null,
  primary key (topic, partition)
)
"""


def create(schema: str, sql: str) -> list[str]:
    """Statements of a script, `{schema}` filled in; for use in a revision."""
    return [s for s in sql.replace("{schema}", schema).split(";\n") if s.strip()]


def config(service: str) -> Config:
    """Alembic's configuration for a service's revisions."""
    found = Config()
    found.set_main_option("script_location", str(resources.files(f"voc_{service}") / "migrations"))
    return found


def head(service: str) -> str:
    """The revision that this code needs."""
    return ScriptDirectory.from_config(config(service)).get_current_head() or ""


async def migrate(url: str, service: str, namespace: str = "", revision: str = "head") -> None:
    """Bring a service's schema to this code's revision, or an earlier one; safe to run twice and side by side."""
    engine = create_async_engine(async_url(url))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_migrate, service, namespace, revision)
    finally:
        await engine.dispose()


def _migrate(connection: Connection, service: str, namespace: str, revision: str) -> None:
    def run(sql: str) -> None:
        connection.execute(text(sql.replace(":=", "\\:=")))

    run(f"select pg_advisory_xact_lock({_LOCK})")
    names: dict[Role, str] = {role: role_name(namespace, service, role) for role in _ROLES}
    for name in names.values():
        run(_ROLE.format(role=name))
        run(f"grant {name} to current_user")
    run(f"create schema if not exists {service} authorization {names['owner']}")
    run(_APP_TENANT.format(schema=service))
    run(f"set local role {names['owner']}")
    found = config(service)
    found.attributes["connection"] = connection
    found.attributes["schema"] = service
    command.upgrade(found, revision)
    _secure(connection, service, names)
    run("reset role")


def _secure(connection: Connection, schema: str, names: dict[Role, str]) -> None:
    """Statistics, grants and policies of every table, so that no revision can forget them."""
    api, worker = names["api"], names["worker"]
    tables = connection.execute(
        text(
            "select c.relname, array_agg(cast(a.attname as text)) as columns from pg_class c "
            "join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
            "where c.relnamespace = to_regnamespace(:schema) and c.relkind in ('r', 'p') "
            "group by 1 order by 1"
        ),
        {"schema": schema},
    ).fetchall()
    connection.execute(text(f"grant usage on schema {schema} to {api}, {worker}"))
    for name, columns in tables:
        table, tenanted = f"{schema}.{name}", "tenant" in columns
        coarse = [f'alter column "{c}" set statistics {_STATISTICS}' for c in columns]
        connection.execute(text(f"alter table {table} {', '.join(coarse)}"))
        everything = "select, insert, update, delete"
        connection.execute(text(f"grant {everything} on {table} to {worker}"))
        # The outbox alone is written by an api without being a tenant's table; nobody's rows can be read there.
        rights = everything if tenanted else "insert" if name == "outbox" else "select"
        connection.execute(text(f"grant {rights} on {table} to {api}"))
        if not tenanted:
            continue
        connection.execute(text(f"alter table {table} enable row level security"))
        connection.execute(text(f"alter table {table} force row level security"))
        for policy, role, rule in (
            ("api_tenant", api, f"tenant = (select {schema}.app_tenant())"),
            ("worker_all", worker, "true"),
        ):
            connection.execute(text(f"drop policy if exists {policy} on {table}"))
            connection.execute(
                text(
                    f"create policy {policy} on {table} to {role} using ({rule}) with check ({rule})"
                )
            )


def run_env(context: Any) -> None:
    """The whole of a service's Alembic `env.py`."""
    connection = context.config.attributes["connection"]
    schema = context.config.attributes["schema"]
    context.configure(connection=connection, version_table_schema=schema)
    context.run_migrations()


def migrate_all(url: str, services: Sequence[str], namespace: str = "") -> None:
    """Migrate several services, one after the other."""

    async def run() -> None:
        for service in services:
            await migrate(url, service, namespace)

    asyncio.run(run())
