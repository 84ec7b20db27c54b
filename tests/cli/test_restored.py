"""A schema that came from a backup gets a higher generation, and whoever restored it is told what to do next."""

import asyncio
import subprocess
from collections.abc import Callable

import asyncpg
from voc_cli import restoring, services
from voc_cli.installation import Installation

Voc = Callable[..., subprocess.CompletedProcess[str]]


def generation(place: Installation, service: str) -> int:
    async def read() -> int:
        connection = await asyncpg.connect(place.database_url)
        try:
            return await connection.fetchval(f"select value from {service}.generation")
        finally:
            await connection.close()

    return asyncio.run(read())


def test_the_generation_is_raised_and_the_next_steps_are_told(
    voc: Voc, installed: Installation
) -> None:
    before = generation(installed, "identity")
    done = voc("restored", "identity")
    assert done.returncode == 0, done.stderr
    assert generation(installed, "identity") == before + 1
    lines = done.stdout.splitlines()
    assert lines[0] == f"identity is at generation {before + 1}. What to do next:"
    assert lines[1].startswith("1. voc topics rewind identity")
    assert any("POST /v1/replays" in line for line in lines)


def test_a_schema_that_is_not_there_is_told(voc: Voc) -> None:
    done = voc("restored", "backlog")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_every_service_has_its_steps() -> None:
    for service in services.SERVICES:
        assert restoring.steps(service)[0].startswith(f"voc topics rewind {service}")
