"""Postgres and Kafka together: what the environment names, else our own."""

import os
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from voc_local.home import default_home
from voc_local.kafka import Kafka
from voc_local.kafka_jars import Report, to_stderr
from voc_local.postgres import Postgres


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the two servers are.

    `database_url` is as in DATABASE_URL, `kafka` as in KAFKA_BOOTSTRAP_SERVERS; the two server
    objects are None where the environment named one.
    """

    database_url: str
    kafka: str
    postgres_server: Postgres | None
    kafka_server: Kafka | None


@contextmanager
def ground(
    home: Path | None = None, *, fsync: bool = True, report: Report = to_stderr
) -> Generator[Ground]:
    """Give both servers for the time of a with-statement, their data in `home`.

    `DATABASE_URL` and `KAFKA_BOOTSTRAP_SERVERS` are honoured: what they name is not started.
    Raises ServerError when one of them does not come up.
    """
    folder = home or default_home()
    database_url = os.environ.get("DATABASE_URL", "")
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
    postgres = None if database_url else Postgres(folder / "postgres", fsync=fsync)
    kafka = None if bootstrap else Kafka(folder / "kafka", report=report)
    servers = [server for server in (postgres, kafka) if server is not None]
    try:
        _together([server.start for server in servers])
        yield Ground(
            postgres.url() if postgres else database_url,
            kafka.bootstrap if kafka else bootstrap,
            postgres,
            kafka,
        )
    finally:
        _together([server.stop for server in servers])


def _together(actions: Sequence[Callable[[], None]]) -> None:
    """Do all at once and wait for all; raise the first error."""
    errors: list[BaseException] = []

    def attempt(action: Callable[[], None]) -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that waits
            errors.append(error)

    # Daemons: a Ctrl-C during the first download must not wait for its end.
    threads = [threading.Thread(target=attempt, args=(a,), daemon=True) for a in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
