"""The jars of Apache Kafka: fetched by `jgo` once, checked against committed hashes at every launch."""

import hashlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voc_local.lifeline import ServerError

if TYPE_CHECKING:
    from jgo.maven import MavenContext

VERSION = "4.3.0"
ENDPOINT = f"org.apache.kafka:kafka_2.13:{VERSION}"
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
"""Kafka's own distribution adds it too: without it the broker logs nothing."""

MIRROR = "VOC_MAVEN_MIRROR"
"""Names a Maven repository to download from where Maven Central itself is out of reach."""

LOCK = Path(__file__).with_name("kafka_jars.sha256")
DOWNLOADS_AT_ONCE = 6
ATTEMPTS = 3

Report = Callable[[int, int], None]
"""Told (bytes done, bytes in all) of the download, first with 0 done."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar as committed: `group:artifact:version`, its size in bytes and its SHA-256 in hex."""

    coordinate: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The file name, `artifact-version.jar`."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def locked(lock: Path = LOCK) -> list[Jar]:
    """Read the committed list."""
    rows = (line.split() for line in lock.read_text().splitlines() if not line.startswith("#"))
    return [Jar(coordinate, int(size), sha256) for sha256, size, coordinate in rows]


def default_cache() -> Path:
    """Return `voc/kafka-VERSION` in the user's cache folder, shared by every home."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "voc" / f"kafka-{VERSION}"


def to_stderr(done: int, total: int) -> None:
    """Show the download's progress on standard error: one moving line, or a few where nobody looks."""
    text = f"Downloading Apache Kafka {VERSION} (once): {done / 1e6:.0f} of {total / 1e6:.0f} MB"
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}{'' if done < total else chr(10)}")
    elif done in {0, total}:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def ensure(
    cache: Path, report: Report = to_stderr, jars: Sequence[Jar] | None = None
) -> list[Path]:
    """Return the paths of all jars, after downloading what is missing; `jars` None: as committed.

    Raises ServerError when a jar, cached or downloaded, is not the one whose hash is committed,
    or when it cannot be downloaded. Several processes may do this at once.
    """
    wanted = locked() if jars is None else jars
    missing = [jar for jar in wanted if not (cache / jar.name).exists()]
    if missing:
        _download(missing, cache, report)
    for jar in wanted:
        _check(cache / jar.name, jar, "Delete that file to have it downloaded again.")
    return [cache / jar.name for jar in wanted]


def _check(path: Path, jar: Jar, advice: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != jar.sha256:
        raise ServerError(
            f"{path} is not {jar.coordinate} as committed: its SHA-256 is {found}, "
            f"not {jar.sha256}. Kafka is not started. {advice}"
        )


def _download(missing: Sequence[Jar], cache: Path, report: Report) -> None:
    total = sum(jar.size for jar in missing)
    done = 0
    counting = threading.Lock()
    report(0, total)
    cache.mkdir(parents=True, exist_ok=True)
    # In a folder of our own: a file under its final name in the cache is whole and checked.
    with (
        tempfile.TemporaryDirectory(dir=cache, prefix="incoming-") as incoming,
        ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool,
    ):

        def fetch(jar: Jar) -> None:
            nonlocal done
            path = _fetched(jar.coordinate, Path(incoming))
            _check(path, jar, "A proxy or mirror on the way may have changed it.")
            path.replace(cache / jar.name)
            with counting:
                done += jar.size
                report(done, total)

        try:
            list(pool.map(fetch, sorted(missing, key=lambda jar: -jar.size)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _fetched(coordinate: str, folder: Path) -> Path:
    """Download one jar, trying again after a failure that may pass."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            # A folder for each attempt: jgo would take half a file of the last one for the whole.
            return _resolved(_maven(folder / f"{attempt}"), coordinate)
        except (OSError, RuntimeError) as error:
            if attempt == ATTEMPTS:
                raise ServerError(
                    f"Apache Kafka could not be downloaded ({error}): check the network, name "
                    f"another Maven repository in {MIRROR}, or set KAFKA_BOOTSTRAP_SERVERS to "
                    "a cluster of your own"
                ) from error
            time.sleep(attempt)
    raise AssertionError


def _maven(repository: Path) -> "MavenContext":
    # Late: importing it takes as long as everything else here, and it is needed once.
    from jgo.maven import MavenContext  # noqa: PLC0415

    mirror = os.environ.get(MIRROR)
    remote = {"mirror": mirror.rstrip("/")} if mirror else None
    return MavenContext(repo_cache=repository, remote_repos=remote, timeout=60)


def _resolved(maven: "MavenContext", coordinate: str) -> Path:
    group, artifact, version = coordinate.split(":")
    return maven.project(group, artifact).at_version(version).artifact().resolve()


def relock(lock: Path = LOCK) -> None:
    """Resolve Kafka anew and write the list to commit, after a change of version."""
    from jgo.env import EnvironmentBuilder  # noqa: PLC0415

    rows: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "repository"
        maven = _maven(repository)
        builder = EnvironmentBuilder(context=maven, cache_dir=Path(folder) / "environment")
        needed = {path.name for path in builder.from_endpoint(ENDPOINT).all_jars}
        # Apart: resolved together with Kafka, its parent's BOM would replace Kafka's own versions.
        needed.add(_resolved(maven, LOGGING).name)
        for path in sorted(repository.rglob("*.jar")):
            if path.name in needed:
                *group, artifact, version, _ = path.relative_to(repository).parts
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                coordinate = f"{'.'.join(group)}:{artifact}:{version}"
                rows.append(f"{digest} {path.stat().st_size} {coordinate}\n")
    if len(rows) != len(needed):
        raise ServerError(f"{len(needed)} jars resolved, {len(rows)} found")
    lock.write_text(f"# {ENDPOINT}, {LOGGING}: sha256, bytes, coordinate\n{''.join(rows)}")


if __name__ == "__main__":
    relock()
