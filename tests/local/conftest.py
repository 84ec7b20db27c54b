"""Folders and processes of the ground's own tests, which start servers of their own."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from voc_local import home
from voc_local.postgres import Postgres

# Nothing of the run's own ground: these tests start what they need.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in {"DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "VOC_HOME"}
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A home that everybody may pass through (pytest's own folders are closed)."""
    path = Path(tempfile.mkdtemp(prefix="voc-local-"))
    path.chmod(0o711)
    yield path
    for name in ("postgres", "kafka"):
        if (path / name).exists():
            # A server whose owner the test has killed is about to stop.
            claim = home.Claim(path / name)
            assert claim.take(lambda _: False, 20.0)
            claim.release()
    home.erase(path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def postgres(folder: Path) -> Iterator[Postgres]:
    """A running server."""
    with Postgres(folder / "postgres", fsync=False) as server:
        yield server


Script = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def script() -> Iterator[Script]:
    """Start Python on a text, its standard input and output as pipes; ended with the test."""
    with ExitStack() as started:

        def start(text: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-c", text, *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                **{"env": ENVIRONMENT, **options},
            )
            started.callback(process.wait)
            started.callback(process.kill)
            return process

        yield start


def said(process: subprocess.Popen[str]) -> str:
    """The next line a script prints."""
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, f"the script ended with {process.wait()}"
    return line
