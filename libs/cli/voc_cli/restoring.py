"""What has to be said and done after a service's schema was restored from a backup."""

import asyncio
from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from voc_common.postgres.database import async_url, role_name

from voc_cli import services
from voc_cli.deployment import MigrationError, fault
from voc_cli.installation import Installation

_REWIND = "voc topics rewind {service}: it reads again what the topics still hold"
_START = "start its api and its workers"
_REPLAY = "for every tenant POST /v1/replays of ingest, body {}: what the topics no longer hold"
_NEXT: Mapping[str, Sequence[str]] = {
    "ingest": (
        _REWIND,
        _START,
        "let the sources send again what they sent since the backup: what is there already changes nothing",
        "look at the settings of tenants and sources: changes since the backup are lost",
    ),
    "identity": (
        _REWIND,
        _START,
        _REPLAY,
        "erase again what was erased since the backup (POST /v1/erasures), and say again merges and splits",
    ),
    "taxonomy": (
        _REWIND,
        _START,
        _REPLAY,
        "publish taxonomies, train models and say corrections again that were made since the backup",
    ),
    "scorecard": (_REWIND, _START, _REPLAY),
    "backlog": (_REWIND, _START, "take again the steps and edits that were made since the backup"),
}


def steps(service: str) -> list[str]:
    """What to do next, in this order."""
    return [step.replace("{service}", service) for step in _NEXT[services.check(service)]]


def raise_generation(place: Installation, service: str) -> int:
    """Raise the generation of a service's schema by one; returns it. Raises `MigrationError`."""
    services.check(service)
    try:
        return asyncio.run(_raise(place, service))
    except (OSError, SQLAlchemyError) as error:
        raise MigrationError(fault(place.database_url, error)) from error


async def _raise(place: Installation, service: str) -> int:
    engine = create_async_engine(async_url(place.database_url))
    try:
        async with engine.begin() as connection:
            await connection.execute(
                text(f"set local role {role_name(place.namespace, service, 'owner')}")
            )
            found = await connection.scalar(
                text(f"update {service}.generation set value = value + 1 returning value")
            )
    finally:
        await engine.dispose()
    return int(found or 0)
