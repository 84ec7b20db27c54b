"""The engine of one role and the one way to open a transaction."""

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeVar

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import msgspec
from asyncpg.exceptions import InternalClientError  # pyright: ignore[reportMissingTypeStubs]
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from voc_common.events import Event
from voc_common.settings import SettingsError
from voc_common.wire import Outgoing, encode

T = TypeVar("T")
Role = Literal["api", "worker", "owner"]

_TIMEOUTS = {
    "worker": {
        "idle_in_transaction_session_timeout": "5s",
        "lock_timeout": "5s",
        "statement_timeout": "30s",
        # One that freezes between the messages of a statement is not idle, and its statement does not run.
        "transaction_timeout": "60s",
    },
    "api": {
        "idle_in_transaction_session_timeout": "10s",
        "lock_timeout": "5s",
        "statement_timeout": "15s",
        "transaction_timeout": "30s",
    },
    "owner": {"lock_timeout": "60s"},
}
_PLANS: dict[Role, dict[str, str]] = {
    # A statement is planned once for a connection's life, also while its tables are still empty: then a scan of
    # the whole table is cheapest, and stays so for a table of millions. Workers look rows up by their keys.
    # Once is also enough: by default one is planned anew for every batch while that looks cheaper, which it is not.
    "worker": {
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        "plan_cache_mode": "force_generic_plan",
    },
    "api": {"enable_seqscan": "off"},
    "owner": {},
}
_PATIENCE: dict[Role, float | None] = {"api": 16.0, "worker": None, "owner": None}
"""Seconds for a transaction, whatever becomes of the server: its own timeouts do not help when it hangs or
the network swallows its answers. A worker that makes no progress ends itself."""
_RETRIED = {"40P01", "40001"}
_DATA_CLASSES = ("22", "23", "54")
_REFUSED_CLASS = "42"


class DatabaseAway(Exception):
    """Postgres cannot be reached or gave up on the call: not the data's fault, try again later."""


class StatementRefused(DatabaseAway):
    """Postgres refused the statement itself: no such column, no right to the table, no tenant set.

    A fault of this code or of its deployment. Workers wait, as for Postgres; an api says that it is a fault.
    """


class DataError(ValueError):
    """Postgres refused a value: the data's fault, trying again is of no use."""


@lru_cache(maxsize=1024)
def _positional(sql: str) -> tuple[str, tuple[str, ...]]:
    """A statement with `:name` parameters as the driver wants it, `$1` and on, and the names in that order."""
    names = tuple(dict.fromkeys(_NAMED.findall(sql)))
    places = {name: f"${at}" for at, name in enumerate(names, 1)}
    return _NAMED.sub(lambda found: places[found[1]], sql), names


_NAMED = re.compile(r"(?<![:\w]):([a-z_]\w*)")


class Row(asyncpg.Record):
    """A row: its columns by place and as attributes."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        """Return the column of this name."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Transaction:
    """One transaction: statements, and the events that must be published if it commits.

    Statements go straight to the driver. `shard` (0-7) spreads hot counters over rows, so that workers do
    not wait for each other.
    """

    def __init__(self, connection: Any, schema: str, shard: int = 0) -> None:
        self._connection = connection
        self._schema = schema
        self._outbox: list[Outgoing] = []
        self.shard = shard

    async def rows(self, sql: str, **values: object) -> Sequence[Any]:
        """Run a statement and return its rows, each a `Row`."""
        query, names = _positional(sql)
        return await self._connection.fetch(query, *[values[n] for n in names], record_class=Row)

    async def row(self, sql: str, **values: object) -> Any:
        """Run a statement and return its only `Row`, or None."""
        found = await self.rows(sql, **values)
        if len(found) > 1:
            raise ValueError(f"{len(found)} rows where one was expected")
        return found[0] if found else None

    async def run(self, sql: str, **values: object) -> int:
        """Run a statement and return the number of rows it touched."""
        query, names = _positional(sql)
        status: str = await self._connection.execute(query, *[values[n] for n in names])
        return int(count) if (count := status.rpartition(" ")[2]).isdigit() else 0

    @contextlib.asynccontextmanager
    async def savepoint(self) -> AsyncGenerator[None]:
        """A part that rolls back by itself, and gives its row locks back, when the block raises.

        Not released when it went well: the commit does that without another round trip.
        """
        await self.run("savepoint part")
        try:
            yield
        except Exception:
            await self.run("rollback to savepoint part; release savepoint part")
            raise

    async def joining(self) -> None:
        """Let the rest of the transaction join whole tables, which a worker's look-ups by key never do."""
        await self.run("set local enable_hashjoin = on; set local enable_mergejoin = on")

    def emit(self, events: Iterable[Event]) -> None:
        """Publish these at least once after the commit, in no promised order."""
        self._outbox += [encode(e) for e in events]

    def emit_raw(self, messages: Iterable[Outgoing]) -> None:
        """Publish these messages as they are, at least once after the commit."""
        self._outbox += messages

    async def flush(self) -> int:
        """Write the outbox rows, once, before the commit; returns how many."""
        if not self._outbox:
            return 0
        out, self._outbox = self._outbox, []
        await self.run(
            f"insert into {self._schema}.outbox (topic, key, value, headers) select * from unnest("
            "cast(:topics as text[]), cast(:keys as bytea[]), cast(:values as bytea[]), cast(:headers as bytea[]))",
            topics=[m.topic for m in out],
            keys=[m.key for m in out],
            values=[m.value for m in out],
            headers=[msgspec.msgpack.encode(m.headers) for m in out],
        )
        return len(out)


def _translate(error: Exception) -> Exception:
    state = _sqlstate(error)
    if state.startswith(_DATA_CLASSES) or isinstance(error, asyncpg.DataError):
        return DataError(str(getattr(error, "orig", error))[:500])
    kind = StatementRefused if state.startswith(_REFUSED_CLASS) else DatabaseAway
    return kind(f"{type(error).__name__}: {getattr(error, 'orig', error)}"[:500])


_AWAY = (PoolTimeout, OSError, TimeoutError)
_FROM_DRIVER = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # What asyncpg makes of a connection that breaks between the messages of a statement.
    InternalClientError,
    SQLAlchemyError,
)


class Database:
    """A pool of connections in one role of one service's schema."""

    def __init__(
        self, url: str, service: str, role: Role, *, namespace: str = "", pool: int = 5
    ) -> None:
        self.schema = service
        self._patience = _PATIENCE[role]
        settings = {
            "role": role_name(namespace, service, role),
            "application_name": f"voc {service} {role}",
            "jit": "off",
            **_PLANS[role],
            **_TIMEOUTS[role],
        }
        self.engine: AsyncEngine = create_async_engine(
            async_url(url),
            pool_size=pool,
            max_overflow=0,
            pool_timeout=10,
            pool_recycle=1800,
            # Transactions are begun and ended below: the engine's part is to keep and renew connections.
            isolation_level="AUTOCOMMIT",
            connect_args={"server_settings": settings, "timeout": 10},
        )
        self.emitted = asyncio.Event()
        """Set when a transaction of this process has left outbox rows."""

    @contextlib.asynccontextmanager
    async def transaction(
        self, tenant: str | None = None, shard: int = 0, *, snapshot: bool = False
    ) -> AsyncGenerator[Transaction]:
        """A READ COMMITTED transaction, in a tenant's name where one is given.

        `snapshot`: REPEATABLE READ instead, for reads whose statements must see one state. Raises
        `DatabaseAway` and `DataError`; whatever the block raises rolls back.
        """
        async with self._connected() as (connection, driver), _begun(connection, driver, snapshot):
            tx = Transaction(driver, self.schema, shard)
            if tenant is not None:
                await tx.rows("select set_config('voc.tenant', :tenant, true)", tenant=tenant)
            yield tx
            emitted = await tx.flush()
        if emitted:
            self.emitted.set()

    async def glance(self, sql: str) -> Any:
        """The only value of one query, by itself: a third of the round trips of a transaction. Raises `DatabaseAway`."""
        async with self._connected() as (_, driver):
            return await driver.fetchval(sql)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncGenerator[tuple[AsyncConnection, Any]]:
        """A connection of the pool and the driver's own; what goes wrong is said in the terms of this module."""
        try:
            async with asyncio.timeout(self._patience), self.engine.connect() as connection:
                yield connection, (await connection.get_raw_connection()).driver_connection
        except _AWAY as error:
            raise DatabaseAway(f"{type(error).__name__}: {error}") from error
        except _FROM_DRIVER as error:
            translated = _translate(error)
            raise translated from error

    async def retried(
        self, use: Callable[[Transaction], Awaitable[T]], tenant: str | None = None, shard: int = 0
    ) -> T:
        """Run `use` in a transaction, again after a deadlock or a failed serialisation."""
        for attempt in range(10):
            try:
                async with self.transaction(tenant, shard) as tx:
                    return await use(tx)
            except (DatabaseAway, Retry) as error:
                deadlock = isinstance(error, Retry) or _sqlstate(error) in _RETRIED
                if not deadlock or attempt == 9:
                    raise
                await asyncio.sleep(random.uniform(0.005, 0.05) * (attempt + 1))  # noqa: S311
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


class Retry(Exception):
    """A transaction found that it must begin anew, for example with a wider set of locks."""


class AlreadyThere(Retry):
    """A row that was taken to be new is there, which another transaction has just made; this one is lost."""


@contextlib.contextmanager
def taken_as_new() -> Generator[None]:
    """Around a plain insert of rows that were looked for and not found: raises `AlreadyThere` where one is."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise AlreadyThere("a row was made meanwhile") from error


@contextlib.asynccontextmanager
async def _begun(connection: AsyncConnection, driver: Any, snapshot: bool) -> AsyncGenerator[None]:
    """A transaction on the driver's connection, which is thrown away where it cannot be rolled back."""
    try:
        await driver.execute("begin isolation level repeatable read" if snapshot else "begin")
        yield
        await driver.execute("commit")
    except BaseException:
        clean = False
        try:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_ROLLBACK_SECONDS):
                    await driver.execute("rollback")
                clean = True
        finally:
            # Also when cancelled once more: in an unknown state it must not serve another transaction.
            if not clean:
                driver.terminate()
                await connection.invalidate()
        raise


_ROLLBACK_SECONDS = 2.0


def _sqlstate(error: BaseException | None) -> str:
    """The state that Postgres gave, of an error of the driver's or of one made of it."""
    while error is not None:
        state = getattr(error, "sqlstate", None) or getattr(
            getattr(error, "orig", None), "sqlstate", None
        )
        if state:
            return state
        error = error.__cause__
    return ""


def role_name(namespace: str, service: str, role: Role) -> str:
    """Name of a service's role in the cluster."""
    return f"{namespace.replace('.', '_')}{service}_{role}"


_SCHEMES = ("postgres", "postgresql", "postgresql+asyncpg")


def async_url(url: str) -> str:
    """A postgresql:// URL for the asyncpg driver; raises `SettingsError` if it is none."""
    head, _, tail = url.partition("://")
    wanted = "DATABASE_URL must have the form postgresql://user:password@host:port/database"
    # Neither error shows the address, nor what make_url says of it: it holds a password.
    if not tail or head not in _SCHEMES:
        raise SettingsError(f"{wanted}; it begins with {head}://" if tail else wanted)
    found = f"postgresql+asyncpg://{tail}"
    try:
        make_url(found)
    except (ValueError, ArgumentError):
        raise SettingsError(f"{wanted}; this one cannot be read") from None
    return found
