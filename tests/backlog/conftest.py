"""A migrated backlog database in the worker's role, the app over it, and makers of events."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
import pytest_asyncio
from voc_backlog.api import app
from voc_backlog.domain.acts import Edit, Wish
from voc_backlog.domain.items import Item
from voc_backlog.handlers import events, items
from voc_backlog.repository import items as repository
from voc_common import auth
from voc_common.events import (
    CauseNode,
    HotIssueChanged,
    ItemChanged,
    TaxonomyPublished,
    TenantConfigured,
)
from voc_common.postgres import Database
from voc_common.postgres.database import role_name
from voc_common.postgres.migrations import migrate

DAY = 86_400_000_000
NOW = 1_790_000_000_000_000
SCOPES = ("backlog:read", "backlog:write")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def namespace(database_url: str) -> AsyncIterator[str]:
    """A namespace of the module's own: roles are the whole server's."""
    name = f"b{secrets.token_hex(4)}."
    await migrate(database_url, "backlog", name)
    yield name
    for role in ("owner", "api", "worker"):
        await drop(database_url, role_name(name, "backlog", role))


async def drop(url: str, role: str) -> None:
    """Drop a role with all it owns in this database."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"drop owned by {role} cascade; drop role {role}")
    finally:
        await connection.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(database_url: str, namespace: str) -> AsyncIterator[Database]:
    """In the worker's role, with a connection for each of four workers and one to look on."""
    found = Database(database_url, "backlog", "worker", namespace=namespace, pool=6)
    yield found
    await found.close()


class Desk:
    """The app, and clients of any tenant."""

    def __init__(self, application: Any, keys: Path) -> None:
        self.application = application
        self.keys = keys

    def client(self, tenant: str, *scopes: str, subject: str = "kim") -> httpx.AsyncClient:
        """A client with a token of these scopes, both of the backlog by default."""
        token = auth.mint(self.keys, tenant, subject, scopes or SCOPES)
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.application, raise_app_exceptions=False),
            base_url="http://backlog",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(
    database_url: str, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    auth.make_keys(keys)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", database_url)
        patch.setenv("KAFKA_BOOTSTRAP_SERVERS", "nowhere:1")
        patch.setenv("VOC_NAMESPACE", namespace)
        patch.setenv("VOC_AUTH_KEYS_FILE", str(keys))
        application = app()
    async with application.router.lifespan_context(application):
        yield Desk(application, keys)


@pytest.fixture
def tenant() -> str:
    return f"t{secrets.token_hex(4)}"


Make = Callable[..., HotIssueChanged]


@pytest.fixture
def issue(tenant: str) -> Make:
    """Versions of hot issues: as told one day after the onset, two days ago, unless said otherwise."""

    def make(name: str = "i1", version: int = 1, **more: Any) -> HotIssueChanged:
        base = HotIssueChanged(
            tenant=tenant,
            issue=name,
            version=version,
            state="new",
            cause="late_delivery",
            stage="delivery",
            onset=NOW - 3 * DAY,
            detected_at=NOW - 2 * DAY,
            changed_at=NOW - 2 * DAY,
            people=12,
            expected=2.0,
            p_real=0.9,
        )
        return msgspec.structs.replace(base, **more)

    return make


@pytest.fixture
def told(database: Database, tenant: str) -> Callable[[], Any]:
    """What the backlog has said of this tenant's items, by id: all events, the greatest version last."""

    async def read() -> dict[str, list[ItemChanged]]:
        async with database.transaction() as tx:
            rows = await tx.rows("select value from backlog.outbox where topic = 'voc.backlog'")
        return by_item(msgspec.json.decode(r.value, type=ItemChanged) for r in rows)

    def by_item(events: Iterable[ItemChanged]) -> dict[str, list[ItemChanged]]:
        found: dict[str, list[ItemChanged]] = {}
        for event in sorted(events, key=lambda e: e.version):
            if event.tenant == tenant:
                found.setdefault(event.item, []).append(event)
        return found

    return read


TO_CLOSED = ("triaged", "in_progress", "piloting", "verified", "closed")


class Backlog:
    """A tenant's backlog at a time that the test sets."""

    def __init__(self, database: Database, tenant: str, patch: pytest.MonkeyPatch) -> None:
        self.database = database
        self.tenant = tenant
        self.now = NOW
        patch.setattr(items, "clock", lambda: self.now)

    async def hears(self, *told: HotIssueChanged) -> None:
        await self.database.retried(lambda tx: events.hot_issue_changed(tx, list(told)))

    async def is_configured(self, version: int, **settings: Any) -> None:
        event = TenantConfigured(tenant=self.tenant, version=version, settings=settings)
        await self.database.retried(lambda tx: events.tenant_configured(tx, [event]))

    async def has_taxonomy(self, version: int, *nodes: CauseNode) -> None:
        event = TaxonomyPublished(tenant=self.tenant, version=version, nodes=nodes, published_at=1)
        await self.database.retried(lambda tx: events.taxonomy_published(tx, [event]))

    async def items(self) -> list[Item]:
        """All items but those withdrawn before anybody touched them."""
        async with self.database.transaction() as tx:
            rows = await tx.rows(
                "select item from backlog.item where tenant = :tenant and (said <> '' or state <> 'retired') "
                "order by cause, stage, product, ordinal",
                tenant=self.tenant,
            )
            found = await repository.items_by_id(tx, [(self.tenant, r.item) for r in rows])
        return sorted(found, key=lambda i: (i.subject, i.ordinal))

    async def item(self) -> Item:
        (found,) = await self.items()
        return found

    async def goes(self, item: Item, *states: str, **wish: Any) -> Item:
        """Let a person take steps."""
        for state in states:
            proof = {"verification": "numbers fell"} if state == "closed" else {}
            step = Wish(to=state, **({"why": "because"} | proof | wish))  # type: ignore[arg-type]
            item = await self._acted(
                lambda tx, i=item, s=step: items.move(tx, self.tenant, i.item, i.version, "kim", s)
            )
        return item

    async def edited(self, item: Item, **wanted: Any) -> Item:
        return await self._acted(
            lambda tx: items.edit(
                tx, self.tenant, item.item, item.version, "kim", "", Edit(**wanted)
            )
        )

    async def _acted(self, use: Callable[[Any], Awaitable[Item]]) -> Item:
        return await self.database.retried(use)

    async def flagged(self, *subject: str, **told: float) -> tuple[Item, bool]:
        cause, stage, product = (*subject, "", "", "")[:3]
        return await self.database.retried(
            lambda tx: items.flag(
                tx, (self.tenant, cause, stage, product), "broken", told, "kim", Edit()
            )
        )


@pytest.fixture
def backlog(database: Database, tenant: str, monkeypatch: pytest.MonkeyPatch) -> Backlog:
    return Backlog(database, tenant, monkeypatch)


def states(found: Sequence[Item]) -> list[tuple[int, str]]:
    return [(i.ordinal, i.state) for i in found]


async def closed(backlog: Backlog, issue: Make) -> Item:
    """An item closed by people at NOW."""
    await backlog.hears(issue())
    return await backlog.goes(await backlog.item(), *TO_CLOSED)
