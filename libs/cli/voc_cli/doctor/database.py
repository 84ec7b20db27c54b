"""What an installation needs of Postgres: its version, schemas, roles, connections and clock."""

import time
from collections.abc import AsyncIterator

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from voc_common.postgres.database import Role, async_url, role_name
from voc_common.postgres.migrations import head
from voc_common.settings import Settings, SettingsError, load

from voc_cli import services
from voc_cli.deployment import fault
from voc_cli.doctor.finding import Finding, bad, good, note
from voc_cli.installation import Installation

LEAST_VERSION = 18
"""`RETURNING old.*, new.*` came with it."""
_ROLES: tuple[Role, ...] = ("owner", "api", "worker")
_SKEW_NOTE, _SKEW_BAD = 1.0, 30.0
"""Seconds; the watermark waits 30 s for what was stamped by other clocks."""


async def database(place: Installation) -> AsyncIterator[Finding]:
    """Examine Postgres; one finding says so if it cannot be reached."""
    todo = "check DATABASE_URL, or unset it to use voc's own"
    try:
        engine = create_async_engine(async_url(place.database_url), connect_args={"timeout": 10})
    except SettingsError as error:
        yield bad(str(error), todo)
        return
    try:
        async with engine.connect() as connection:
            async for finding in _examine(connection, place):
                yield finding
    except (OSError, TimeoutError, SQLAlchemyError) as error:
        yield bad(fault(place.database_url, error), todo)
    finally:
        await engine.dispose()


async def _examine(connection: AsyncConnection, place: Installation) -> AsyncIterator[Finding]:
    number = int(await connection.scalar(text("show server_version_num")) or 0)
    said = f"Postgres {number // 10_000}.{number % 10_000}"
    if number // 10_000 < LEAST_VERSION:
        yield bad(f"{said} is too old", f"voc needs {LEAST_VERSION} or later")
        return
    yield good(f"{said} answers")
    yield await _clock(connection)
    for service in services.migrated():
        yield await _schema(connection, service)
        async for finding in _roles(connection, place.namespace, service):
            yield finding
    yield await _connections(connection, load(Settings, place.environment()))


async def _clock(connection: AsyncConnection) -> Finding:
    asked = time.time()
    there = (
        await connection.scalar(text("select extract(epoch from clock_timestamp())::float8")) or 0.0
    )
    skew = there - (asked + time.time()) / 2
    said = f"Postgres' clock is {abs(skew):.3f} s {'ahead of' if skew > 0 else 'behind'} this one"
    todo = "set both by NTP: what the clocks say decides when a bucket is closed"
    if abs(skew) > _SKEW_BAD:
        return bad(said, todo)
    return note(said, todo) if abs(skew) > _SKEW_NOTE else good(said)


async def _schema(connection: AsyncConnection, service: str) -> Finding:
    wanted = head(service)
    table = f"{service}.alembic_version"
    known = await connection.scalar(text("select to_regclass(:table)::text"), {"table": table})
    there = await connection.scalar(text(f"select version_num from {table}")) if known else None
    if there == wanted:
        return good(f"schema {service} is at {wanted}")
    return bad(
        f"schema {service} is at {there or 'nothing'}, this code needs {wanted}",
        f"voc migrate {service}",
    )


async def _roles(
    connection: AsyncConnection, namespace: str, service: str
) -> AsyncIterator[Finding]:
    names = {role_name(namespace, service, role): role for role in _ROLES}
    rows = await connection.execute(
        text(
            "select rolname as name, rolsuper or rolbypassrls as unbound, pg_has_role(oid, 'SET') as ours "
            "from pg_roles where rolname = any(cast(:names as text[]))"
        ),
        {"names": list(names)},
    )
    there = {row.name: row for row in rows}
    missing = [name for name in names if name not in there]
    if missing:
        yield bad(f"roles are missing: {', '.join(missing)}", f"voc migrate {service}")
    for name, row in there.items():
        if not row.ours:
            yield bad(
                f"the user of DATABASE_URL may not become {name}",
                f"as a superuser: grant {name} to that user",
            )
        elif row.unbound:
            yield bad(
                f"{name} is not bound by row-level security",
                f"alter role {name} nosuperuser nobypassrls",
            )


async def _connections(connection: AsyncConnection, settings: Settings) -> Finding:
    rows = await connection.execute(
        text(
            "select name, setting::int as value from pg_settings where name in "
            "('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
        )
    )
    limits: dict[str, int] = {row.name: row.value for row in rows}
    usable = 2 * limits["max_connections"] - sum(limits.values())
    pools = {"api": settings.pool_api, "worker": max(settings.pool_worker, 2)}
    needed = sum(pools[role] for service in services.SERVICES for role in services.roles(service))
    said = f"one api and one worker of each service hold up to {needed} of {usable} connections"
    if needed > usable:
        return bad(said, "raise max_connections, or lower VOC_POOL_API")
    return good(f"{said}; {(usable - needed) // pools['worker']} more workers have room")
