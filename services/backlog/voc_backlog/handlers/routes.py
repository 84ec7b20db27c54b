"""The routes to owners: versioned data."""

from collections.abc import Sequence

from voc_common.postgres import Transaction

from voc_backlog.domain.ground import Route
from voc_backlog.handlers.events import judge_all
from voc_backlog.repository import tenants
from voc_backlog.repository.tenants import RouteSet

_NONE = RouteSet(0, (), "", "")


class NoSuchVersion(LookupError):
    """There is no such version of the routes."""


class StaleRoutes(ValueError):
    """Somebody replaced the routes since the version that the caller has seen; `routes` are those now."""

    def __init__(self, routes: RouteSet) -> None:
        super().__init__(f"the routes have changed, they are at version {routes.version} now")
        self.routes = routes


async def get_routes(tx: Transaction, tenant: str, version: int | None = None) -> RouteSet:
    """A version of the routes, the latest by default; version 0 has none. Raises `NoSuchVersion`."""
    found = await tenants.route_set(tx, tenant, version)
    if found is None and version:
        raise NoSuchVersion(f"routes, version {version}")
    return found or _NONE


async def put_routes(
    tx: Transaction, tenant: str, seen: int, routes: Sequence[Route], by: str
) -> RouteSet:
    """Replace the routes as a new version and give items their owners anew; raises `StaleRoutes`.

    Items assigned by a person, and those at rest, keep their owner.
    """
    await tenants.hold(tx, [tenant])
    now = await get_routes(tx, tenant)
    if now.version != seen:
        raise StaleRoutes(now)
    version = now.version + 1
    await tenants.add_routes(tx, tenant, version, routes, by)
    await judge_all(tx, [tenant], {tenant: f"routes, version {version}"})
    return await get_routes(tx, tenant)
