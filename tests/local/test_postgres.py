"""A real Postgres: whose it is, what it keeps, what it survives."""

import asyncio
import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import asyncpg
import psutil
import pytest
from voc_local import account, home
from voc_local.account import Account, unprivileged
from voc_local.lifeline import ServerError
from voc_local.postgres import Postgres

BUSY = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%series(1, 1%' AND pid <> pg_backend_pid()"


async def value(server: Postgres, statement: str) -> object:
    connection = await asyncpg.connect(server.url())
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_data_and_address_are_kept_between_runs(folder: Path):
    server = Postgres(folder / "postgres", fsync=False)
    with server:
        await value(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        first = server.url()
    assert not psutil.pid_exists(server.pid)
    with Postgres(folder / "postgres") as again:
        assert await value(again, "SELECT answer FROM kept") == 42
        assert await value(again, "SHOW fsync") == "on"
        assert again.url() == first


async def test_text_sorts_and_folds_the_same_on_every_machine(postgres: Postgres):
    assert await value(postgres, "SHOW server_encoding") == "UTF8"
    assert await value(postgres, "SELECT lower('ÄÉ') || (SELECT 'Z' < 'a')::text") == "äétrue"


async def test_a_killed_server_comes_back_where_it_was_with_what_was_committed(postgres: Postgres):
    url = postgres.url()
    await value(postgres, "CREATE TABLE kept AS SELECT 42 AS answer")
    # It would hold the shared memory for minutes.
    busy = asyncio.create_task(
        value(postgres, "SELECT count(*) FROM generate_series(1, 1000000000)")
    )
    async with asyncio.timeout(10):
        while await value(postgres, BUSY) == 0:  # noqa: ASYNC110 - Postgres tells nobody
            await asyncio.sleep(0.01)
    killed = postgres.pid
    postgres.kill()
    assert not psutil.pid_exists(killed)
    postgres.start()
    assert postgres.url() == url
    assert await value(postgres, "SELECT answer FROM kept") == 42
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await busy


def test_the_lock_file_of_a_dead_server_naming_a_living_process_is_no_obstacle(folder: Path):
    with Postgres(folder / "postgres", fsync=False) as server:
        lock_file = folder / "postgres" / "data" / "18" / "postmaster.pid"
        lines = lock_file.read_text().splitlines()
    ids = unprivileged().ids
    # Under the server's own account: of that one Postgres would believe that it is a Postgres.
    with subprocess.Popen(["sleep", "60"], user=ids and ids[0]) as stranger:
        try:
            lock_file.write_text("\n".join([str(stranger.pid), *lines[1:], ""]))
            with server:
                assert asyncio.run(value(server, "SELECT 1")) == 1
        finally:
            stranger.kill()


async def test_it_is_reached_by_its_password_and_from_this_machine_only(postgres: Postgres):
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.url(), password="guessed")
    listening = {
        connection.laddr.ip
        for connection in psutil.Process(postgres.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    for file in ("server.json", "data/password"):
        assert stat.S_IMODE((postgres.folder / file).stat().st_mode) == 0o600
    assert stat.S_IMODE((postgres.folder / "data").stat().st_mode) == 0o700


def test_it_never_runs_as_root_and_needs_no_new_user(folder: Path):
    users = Path("/etc/passwd").read_bytes()
    with Postgres(folder / "postgres", fsync=False) as server:
        tree = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]
        ids = {number for process in tree for number in (*process.uids(), *process.gids())}
    assert 0 not in ids
    assert Path("/etc/passwd").read_bytes() == users


async def test_a_closed_folder_stays_closed(folder: Path):
    """As root's own is: the data is then elsewhere, is found again, and is erased with the home."""
    closed = folder / "closed"
    closed.mkdir(0o700)
    before = closed.stat()
    server = Postgres(closed / "home" / "postgres", fsync=False)
    data = closed / "home" / "postgres" / "data"
    with server:
        await value(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    with server:
        assert await value(server, "SELECT answer FROM kept") == 42
        with pytest.raises(ServerError, match="running"):
            home.erase(closed / "home")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert (closed.stat().st_uid, closed.stat().st_gid) == (before.st_uid, before.st_gid)
    place = data.resolve()
    assert place.is_relative_to(account.STATE if os.geteuid() == 0 else closed)
    home.erase(closed / "home")
    assert not place.exists()


def test_binaries_out_of_the_accounts_reach_are_copied_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(account, "STATE", folder / "state")
    closed = folder / "closed"
    program = closed / "package" / "bin" / "program"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\ncat "$(dirname "$0")/../../package.libs/greeting"\n')
    (closed / "package.libs").mkdir()
    (closed / "package.libs" / "greeting").write_text("hello")
    program.chmod(0o700)
    closed.chmod(0o700)
    us = unprivileged()
    # The third is a link's target that is not there, as in wheels without bundled libraries.
    folders = [closed / "package", closed / "package.libs", closed / "absent"]
    runnable = us.runnable(program, folders, "package-1")
    assert us.run([str(runnable)]).stdout == "hello"
    assert (runnable == program) == (us.ids is None)
    made = runnable.stat().st_mtime_ns
    assert us.runnable(program, folders, "package-1").stat().st_mtime_ns == made
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_what_prevents_a_start_is_said(folder: Path):
    server = Postgres(folder / "postgres", fsync=False, shared_buffers="nonsense")
    with pytest.raises(ServerError, match="shared_buffers"):
        server.start()
    assert not server.owned
    with Postgres(folder / "postgres", fsync=False) as mended:
        assert mended.owned


def test_an_initialisation_cut_short_is_done_again(folder: Path):
    half = Account(unprivileged().ids).own_folder(folder / "postgres" / "data") / "18.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with Postgres(folder / "postgres", fsync=False) as server:
        assert server.owned


def test_stopping_is_quick_though_clients_are_connected(postgres: Postgres):
    async def connected() -> float:
        connection = await asyncpg.connect(postgres.url())
        began = time.monotonic()
        await asyncio.to_thread(postgres.stop)
        took = time.monotonic() - began
        connection.terminate()
        return took

    assert asyncio.run(connected()) < 5.0


def test_a_terminated_server_can_be_started_again(postgres: Postgres):
    """By an operator, not by us."""
    url = postgres.url()
    os.kill(postgres.pid, signal.SIGTERM)
    psutil.wait_procs([psutil.Process(postgres.pid)], timeout=10)
    postgres.start()
    assert postgres.url() == url
    assert asyncio.run(value(postgres, "SELECT 1")) == 1
