"""What has to be in place before services run: schemas, topics, and the key that signs tokens."""

import asyncio
import contextlib
import os
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from voc_cli import services
from voc_cli.installation import Installation

Value = str | int


class Topic(Struct, frozen=True, forbid_unknown_fields=True):
    """A topic as declared."""

    partitions: int
    config: dict[str, Value] = {}


class Topics(Struct, frozen=True, forbid_unknown_fields=True):
    """The file of topics: settings of all, then each."""

    topics: dict[str, Topic]
    defaults: dict[str, Value] = {}


class TopicsFileError(ValueError):
    """The file of topics is not there or says something that cannot be; the message says which."""


class MigrationError(RuntimeError):
    """Postgres cannot be reached or refused a migration; nothing of that service's schema has changed."""


def topics_file() -> Path:
    """`VOC_TOPICS_FILE` where set (the images do), else `deploy/topics.yaml` of the source tree."""
    named = os.environ.get("VOC_TOPICS_FILE")
    path = Path(named) if named else Path(__file__).parents[3] / "deploy" / "topics.yaml"
    if not path.exists():
        raise TopicsFileError(
            f"{path} is not there: set VOC_TOPICS_FILE to the project's deploy/topics.yaml"
        )
    return path


def read_topics(path: Path) -> dict[str, Topic]:
    """The topics of a file, defaults filled in; raises `TopicsFileError`."""
    try:
        found = msgspec.yaml.decode(path.read_bytes(), type=Topics)
    except msgspec.MsgspecError as error:
        raise TopicsFileError(f"{path}: {error}") from error
    records = {
        name: topic.partitions
        for name, topic in found.topics.items()
        if name.startswith(("voc.feedback", "voc.activity"))
    }
    if len(set(records.values())) > 1:
        raise TopicsFileError(
            f"{path}: voc.feedback* and voc.activity* must have equal partition counts: {records}"
        )
    return {
        name: Topic(t.partitions, found.defaults | t.config) for name, t in found.topics.items()
    }


def topics() -> dict[str, tuple[int, dict[str, str]]]:
    """The topics as declared, in the form of `voc_common.bus.apply_topics`; raises `TopicsFileError`."""
    return _plain(read_topics(topics_file()))


def _plain(wanted: Mapping[str, Topic]) -> dict[str, tuple[int, dict[str, str]]]:
    return {n: (t.partitions, {k: str(v) for k, v in t.config.items()}) for n, t in wanted.items()}


def apply_topics(place: Installation, wanted: Mapping[str, Topic]) -> list[str]:
    """Create missing topics and grow small ones; says what it did. Raises `BusError`."""
    from voc_common import bus  # noqa: PLC0415

    with _naming_kafka(place):
        return asyncio.run(bus.apply_topics(place.kafka, place.namespace, _plain(wanted)))


def rewind(place: Installation, service: str, topics: Sequence[str]) -> None:
    """Put a service's consumer group, none of which may run, to the beginning of topics; raises `BusError`."""
    from voc_common import bus  # noqa: PLC0415

    with _naming_kafka(place):
        asyncio.run(bus.rewind(place.kafka, place.namespace, service, topics))


@contextlib.contextmanager
def _naming_kafka(place: Installation) -> Generator[None]:
    """Let a `BusError` of a cluster that does not answer say by which setting it is found."""
    from voc_common.bus import BusError  # noqa: PLC0415

    try:
        yield
    except BusError as error:
        if place.own_kafka or "KafkaConnectionError" not in str(error):
            raise
        raise BusError(
            f"Kafka does not answer at {place.kafka}: check KAFKA_BOOTSTRAP_SERVERS, or unset it to use "
            "voc's own"
        ) from error


def migrate(place: Installation, names: Sequence[str] = ()) -> list[str]:
    """Bring schemas to this code's revision; says what is where. All services that own one if none is named."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415
    from voc_common.postgres import migrations  # noqa: PLC0415

    there = services.migrated()
    for name in names:
        if services.check(name) not in there:
            raise services.UnknownService(
                f"{name} has no migrations in this code; there are {', '.join(there)}"
            )
    chosen = [s for s in there if not names or s in names]
    try:
        migrations.migrate_all(place.database_url, chosen, place.namespace)
    except (OSError, SQLAlchemyError) as error:
        raise MigrationError(fault(place.database_url, error)) from error
    return [f"{s} at {migrations.head(s) or 'no revision'}" for s in chosen]


def fault(url: str, error: Exception) -> str:
    """What to do about an error of Postgres, which `url` names; never shows a password."""
    place = urlsplit(url)
    database, server = place.path.lstrip("/"), place.netloc.rpartition("@")[2]
    cause = getattr(error, "orig", error)
    state = getattr(cause, "sqlstate", None) or ""
    if state == "3D000":
        return (
            f"there is no database {database} on {server}: make it with `createdb {database}`, "
            "or name another in DATABASE_URL"
        )
    if state.startswith("28"):
        return f"{server} refuses the login of DATABASE_URL: {cause}"
    if isinstance(error, OSError) or not state:
        return f"Postgres does not answer at {server}: check DATABASE_URL ({cause})"
    return str(cause)


def ensure_keys(path: Path) -> bool:
    """Make the signing key if there is none; True if it was made."""
    from voc_common import auth  # noqa: PLC0415

    if path.exists() and path.stat().st_size:
        return False
    auth.make_keys(path)
    return True


def publish_keys(private: Path, public: Path) -> None:
    """Write the public half of a signing key, all that a service needs to check a token."""
    found = msgspec.json.decode(private.read_bytes())
    shown = [{name: value for name, value in key.items() if name != "d"} for key in found["keys"]]
    public.parent.mkdir(parents=True, exist_ok=True)
    draft = public.with_name(f"{public.name}.new")
    draft.write_bytes(msgspec.json.encode({"keys": shown}))
    draft.replace(public)
