"""Kafka's jars: downloaded once, and run only when they are the committed ones."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from voc_local import kafka_jars
from voc_local.kafka import Kafka
from voc_local.kafka_jars import Jar, ensure
from voc_local.lifeline import ServerError

CONTENTS = {"org.example:one:1.0": b"1" * 3000, "org.example.sub:two:2.0": b"2" * 500}
JARS = [Jar(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in CONTENTS.items()]


def published(repository: Path, coordinate: str) -> Path:
    """Where a Maven repository has a jar."""
    group, artifact, version = coordinate.split(":")
    return repository.joinpath(*group.split("."), artifact, version, f"{artifact}-{version}.jar")


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Maven repository with the two jars."""
    for coordinate, data in CONTENTS.items():
        file = published(tmp_path / "mirror", coordinate)
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "mirror"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv(kafka_jars.MIRROR, f"http://127.0.0.1:{server.server_port}/")
        yield tmp_path / "mirror"
        server.shutdown()


def test_a_first_download_shows_its_progress_and_a_second_is_not_needed(
    mirror: Path, tmp_path: Path
):
    shown: list[tuple[int, int]] = []

    def report(done: int, total: int) -> None:
        shown.append((done, total))

    paths = ensure(tmp_path / "cache", report, JARS)
    assert [path.read_bytes() for path in paths] == list(CONTENTS.values())
    assert shown[0] == (0, 3500)
    assert shown[-1] == (3500, 3500)
    assert len(shown) == 3
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [
        "one-1.0.jar",
        "two-2.0.jar",
    ]
    for coordinate in CONTENTS:
        published(mirror, coordinate).unlink()
    assert ensure(tmp_path / "cache", report, JARS) == paths
    assert len(shown) == 3


def test_a_download_that_is_not_the_committed_jar_is_refused_and_not_kept(
    mirror: Path, tmp_path: Path
):
    published(mirror, "org.example:one:1.0").write_bytes(b"evil" * 750)
    with pytest.raises(ServerError, match=r"is not org\.example:one:1\.0 as committed"):
        ensure(tmp_path / "cache", jars=JARS)
    assert not (tmp_path / "cache" / "one-1.0.jar").exists()


def test_a_jar_that_cannot_be_had_is_an_error_that_says_what_to_do(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(kafka_jars, "ATTEMPTS", 1)
    # One after the other, the larger first: at once, either may come before the error.
    monkeypatch.setattr(kafka_jars, "DOWNLOADS_AT_ONCE", 1)
    published(mirror, "org.example.sub:two:2.0").unlink()
    with pytest.raises(ServerError, match="KAFKA_BOOTSTRAP_SERVERS"):
        ensure(tmp_path / "cache", jars=JARS)
    assert (tmp_path / "cache" / "one-1.0.jar").exists()


def test_kafka_is_not_started_on_a_tampered_jar(folder: Path):
    """A jar that was changed after its download."""
    cache = folder / "jars"
    cache.mkdir()
    for path in ensure(kafka_jars.default_cache()):
        (cache / path.name).symlink_to(path)
    tampered = cache / f"kafka-clients-{kafka_jars.VERSION}.jar"
    data = bytearray(tampered.read_bytes())
    data[len(data) // 2] ^= 1
    tampered.unlink()
    tampered.write_bytes(data)
    server = Kafka(folder / "kafka", jars=cache)
    with pytest.raises(ServerError, match=f"{tampered.name} is not .* as committed"):
        server.start()
    assert not server.owned
    assert not (folder / "kafka" / "data").exists()


def test_the_committed_list_is_one_kafka_of_one_version():
    jars = kafka_jars.locked()
    versions = {
        jar.coordinate.split(":")[2] for jar in jars if "org.apache.kafka:" in jar.coordinate
    }
    assert versions == {kafka_jars.VERSION}
    assert len({jar.name for jar in jars}) == len(jars) == 46
    assert all(len(jar.sha256) == 64 for jar in jars)
