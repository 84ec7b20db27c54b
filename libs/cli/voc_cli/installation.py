"""Where this installation is: its folder, its two servers, its namespace and its signing key."""

import fcntl
import os
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct
from voc_local.home import default_home

Report = Callable[[str], None]
"""Told a line of text whenever there is progress to show."""


class Installation(Struct, frozen=True, kw_only=True):
    """What a command needs to find the installation that it is about."""

    home: Path
    database_url: str
    kafka: str
    namespace: str
    keys_file: Path
    own_postgres: bool = False
    """Whether Postgres is voc's own, in `home`, and not one that the environment names."""
    own_kafka: bool = False
    """The same of Kafka."""

    def environment(self) -> dict[str, str]:
        """Environment of a process of this installation."""
        return os.environ | {
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "VOC_NAMESPACE": self.namespace,
            "VOC_AUTH_KEYS_FILE": str(self.keys_file),
        }


def keys_file() -> Path:
    """`VOC_AUTH_KEYS_FILE` where set, else `keys.json` in the installation's folder."""
    return Path(os.environ.get("VOC_AUTH_KEYS_FILE") or default_home() / "keys.json")


def namespace() -> str:
    """`VOC_NAMESPACE`."""
    return os.environ.get("VOC_NAMESPACE", "")


def unmade(home: Path) -> Path | None:
    """The folder of a server of voc's own that an installation here would have to make first."""
    wanted = {"DATABASE_URL": home / "postgres", "KAFKA_BOOTSTRAP_SERVERS": home / "kafka"}
    own = (folder / "data" for setting, folder in wanted.items() if not os.environ.get(setting))
    return next((data for data in own if not data.exists()), None)


@contextmanager
def installation(
    report: Report, *, postgres: bool = True, kafka: bool = True
) -> Generator[Installation]:
    """Give the installation for the time of a with-statement, as far as it is needed.

    `DATABASE_URL` and `KAFKA_BOOTSTRAP_SERVERS` name its servers; what they do not name is found
    running in the installation's folder, or started there and stopped at the end. Raises `ServerError`.
    """
    from voc_local.ground import ground  # noqa: PLC0415
    from voc_local.kafka import Kafka  # noqa: PLC0415
    from voc_local.postgres import Postgres  # noqa: PLC0415

    told = -1

    def downloading(done: int, total: int) -> None:
        nonlocal told
        quarter = 4 * done // total if total else 4
        if quarter > told or sys.stdout.isatty():
            told = quarter
            report(f"Apache Kafka, once: {done / 1e6:.0f} of {total / 1e6:.0f} MB downloaded")

    home = default_home()
    url, bootstrap = (os.environ.get(n, "") for n in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"))
    own_postgres, own_kafka = postgres and not url, kafka and not bootstrap
    with ExitStack() as stack:
        if own_postgres and own_kafka:
            servers = stack.enter_context(ground(home, report=downloading))
            url, bootstrap = servers.database_url, servers.kafka
        elif own_postgres:
            url = stack.enter_context(Postgres(home / "postgres")).url()
        elif own_kafka:
            bootstrap = stack.enter_context(Kafka(home / "kafka", report=downloading)).bootstrap
        yield Installation(
            home=home,
            database_url=url,
            kafka=bootstrap,
            namespace=namespace(),
            keys_file=keys_file(),
            own_postgres=own_postgres,
            own_kafka=own_kafka,
        )


class AlreadyUp(RuntimeError):
    """A `voc up` runs in this folder already; the message says where its apis are."""


class Addresses(Struct, frozen=True):
    """Where the apis of a running `voc up` are, for the commands of other terminals."""

    pid: int
    apis: dict[str, str]


@contextmanager
def claim(home: Path) -> Generator[Callable[[Addresses], None]]:
    """Be the one `voc up` of a folder; gives a function that tells others where its apis are.

    Raises `AlreadyUp`. The lock, and not the pid in the file, says whether it still runs.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyUp(_already_up(home)) from error

        def tell(addresses: Addresses) -> None:
            draft = home / "up.json.new"
            draft.write_bytes(msgspec.json.encode(addresses))
            draft.replace(home / "up.json")

        try:
            yield tell
        finally:
            (home / "up.json").unlink(missing_ok=True)


def _already_up(home: Path) -> str:
    lines = [f"voc is already up in {home}: stop it first, or set VOC_HOME to another folder"]
    found = _addresses(home)
    if found is None:
        return f"{lines[0]}. It is still starting"
    lines += [f"  {service:<10}{url}/docs" for service, url in found.apis.items()]
    said = " ".join(f"{service.upper()}={url}" for service, url in found.apis.items())
    return "\n".join([*lines, f"export {said}", "a token: voc token --tenant main --all"])


def _addresses(home: Path) -> Addresses | None:
    try:
        return msgspec.json.decode((home / "up.json").read_bytes(), type=Addresses)
    except (OSError, msgspec.DecodeError):
        return None


def _is_up(home: Path) -> bool:
    try:
        with (home / "up.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def api_address(service: str) -> str:
    """Address of a service's api: `VOC_URL_<SERVICE>`, else of the `voc up` that runs here; "" if neither is."""
    named = os.environ.get(f"VOC_URL_{service.upper()}")
    if named:
        return named.rstrip("/")
    home = default_home()
    found = _addresses(home)
    return found.apis.get(service, "") if found is not None and _is_up(home) else ""
