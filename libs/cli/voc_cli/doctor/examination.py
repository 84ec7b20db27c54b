"""The whole examination, in the order in which one thing needs another."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

from voc_local.home import default_home
from voc_local.lifeline import ServerError

from voc_cli.doctor import machine
from voc_cli.doctor.bus import bus
from voc_cli.doctor.database import database
from voc_cli.doctor.finding import Finding, bad, good
from voc_cli.installation import Installation, Report, installation, keys_file, unmade


def examine(report: Report) -> Iterator[Finding]:
    """Look at everything; servers of voc's own are started for it if they do not run, but never made."""
    home = default_home()
    yield from machine.python()
    yield from machine.room(home)
    yield from machine.embedded()
    yield from machine.ports()
    yield from machine.key(keys_file())
    if missing := unmade(home):
        yield bad(
            f"no installation in this folder: {missing} is not there",
            "voc up, or VOC_HOME=... for the folder of another",
        )
        return
    try:
        with installation(report) as place:
            if place.own_postgres or place.own_kafka:
                yield good(f"the embedded servers in {home} start")
            yield from _collect(database, place)
            yield from _collect(bus, place)
    except ServerError as error:
        yield bad(
            f"the embedded servers do not start: {error}",
            "see above, or set DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS",
        )


def _collect(
    look: Callable[[Installation], AsyncIterator[Finding]], place: Installation
) -> list[Finding]:
    async def all_of_it() -> list[Finding]:
        return [finding async for finding in look(place)]

    return asyncio.run(all_of_it())
