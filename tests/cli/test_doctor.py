"""The doctor finds what is wrong, and only that, and says what to do."""

import hashlib
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from voc_cli import deployment
from voc_cli.deployment import Topic
from voc_cli.doctor import Finding, machine
from voc_cli.doctor.bus import bus, group, topics
from voc_cli.doctor.database import database
from voc_cli.installation import Installation
from voc_common.bus import BusError, Position
from voc_common.postgres.migrations import migrate
from voc_local import kafka_jars
from voc_local.home import free_port

Voc = Callable[..., subprocess.CompletedProcess[str]]


def bad(findings: list[Finding]) -> list[str]:
    return [f.what for f in findings if f.level == "bad"]


async def everything(findings: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in findings]


async def test_an_empty_database_is_told_what_it_lacks(bare: Installation) -> None:
    found = await everything(database(bare))
    said = bad(found)
    assert "schema ingest is at nothing, this code needs" in said[0]
    assert f"roles are missing: {bare.namespace[:-1]}_ingest_owner" in said[1]
    assert {f.todo for f in found if "ingest" in f.what} == {"voc migrate ingest"}


async def test_a_migrated_service_is_well(bare: Installation) -> None:
    await migrate(bare.database_url, "identity", bare.namespace)
    found = await everything(database(bare))
    assert not [what for what in bad(found) if "identity" in what]
    assert any(f.level == "good" and "clock" in f.what for f in found)
    (connections,) = [f for f in found if "connections" in f.what]
    assert connections.level == "good"


async def test_pools_that_do_not_fit_are_told(
    bare: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOC_POOL_API", "1000")
    assert any("connections" in what for what in bad(await everything(database(bare))))


async def test_servers_that_are_away_are_told(bare: Installation) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    away = replace(bare, database_url=f"postgresql://voc@{nobody}/voc", kafka=nobody)
    (postgres,) = await everything(database(away))
    (kafka,) = await everything(bus(away))
    assert (postgres.level, postgres.todo) == (
        "bad",
        "check DATABASE_URL, or unset it to use voc's own",
    )
    assert kafka.level == "bad"
    assert "KAFKA_BOOTSTRAP_SERVERS" in kafka.todo


async def test_a_kafka_without_topics_is_told(bare: Installation) -> None:
    said = bad(await everything(bus(bare)))
    assert said[0].startswith("15 topics are missing: voc.feedback, ")


def test_topics_are_compared_with_what_is_declared() -> None:
    wanted = {"voc.feedback": Topic(8), "voc.activity": Topic(8), "voc.tenants": Topic(4)}
    there = {"voc.feedback": 8, "voc.activity": 8, "voc.tenants": 4}
    assert bad(topics(there, wanted)) == []
    assert bad(topics(there | {"voc.tenants": 1}, wanted)) == [
        "too few partitions: voc.tenants has 1 of 4"
    ]
    assert bad(topics(there | {"voc.feedback": 16}, wanted)) == [
        "voc.feedback* and voc.activity* differ in partitions: voc.feedback 16, voc.activity 8"
    ]


@pytest.mark.parametrize(("mode", "wrong"), [(0o600, 0), (0o640, 1), (0o604, 1)])
def test_a_key_that_others_can_read_is_told(tmp_path: Path, mode: int, wrong: int) -> None:
    keys = tmp_path / "keys.json"
    deployment.ensure_keys(keys)
    keys.chmod(mode)
    assert len(bad(list(machine.key(keys)))) == wrong


def test_public_keys_may_be_read_by_all_and_broken_ones_are_told(tmp_path: Path) -> None:
    private, public = tmp_path / "keys.json", tmp_path / "public.json"
    deployment.ensure_keys(private)
    deployment.publish_keys(private, public)
    public.chmod(0o644)
    assert bad(list(machine.key(public))) == []
    public.write_text("{}")
    assert len(bad(list(machine.key(public)))) == 1


def test_a_changed_jar_is_told_and_missing_ones_are_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = kafka_jars.Jar("org.example:thing:1", 4, hashlib.sha256(b"good").hexdigest())
    monkeypatch.setattr(machine, "locked", lambda: [jar])
    assert machine.jars(tmp_path).level == "note"
    (tmp_path / jar.name).write_bytes(b"good")
    assert machine.jars(tmp_path).level == "good"
    (tmp_path / jar.name).write_bytes(b"evil")
    assert machine.jars(tmp_path).level == "bad"


def test_the_command_counts_what_is_to_mend(voc: Voc) -> None:
    done = voc("doctor")
    wrong = [line for line in done.stdout.splitlines() if line.startswith("✗")]
    assert done.returncode == (1 if wrong else 0)
    assert ("all is well" in done.stdout) == (not wrong)
    assert not [line for line in wrong if "ingest" in line or "identity" in line or "topic" in line]


async def test_a_group_that_has_nothing_to_read_yet_is_no_fault(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await group(installed, "identity")
    assert (found.level, found.what) == ("good", "identity is 0 messages behind")

    # What a broker says that has never been asked for a group; it is asked again.
    said = iter([BusError("GroupCoordinatorNotAvailableError"), None])

    async def asked(*_: object) -> list[Position]:
        error = next(said)
        if error is not None:
            raise error
        return [Position("voc.feedback", 0, -1, 0, 7)]

    monkeypatch.setattr("voc_cli.doctor.bus.positions", asked)
    found = await group(installed, "identity")
    assert (found.level, found.what) == ("note", "identity has read nothing yet, 7 messages wait")
    assert "voc run identity --worker" in found.todo


def test_a_folder_without_an_installation_is_told_and_left_empty(voc: Voc, tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = voc("doctor", DATABASE_URL="", KAFKA_BOOTSTRAP_SERVERS="", VOC_HOME=str(home))
    assert done.returncode == 1
    assert "✗ no installation in this folder" in done.stdout
    assert "voc up, or VOC_HOME=..." in done.stdout
    assert done.stdout.endswith("1 to mend\n")
    assert not home.exists()
