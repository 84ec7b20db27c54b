"""`voc up` and `voc run` as a person uses them: one command, a token, an orderly end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from voc_cli.installation import Installation
from voc_cli.up import Stopped, stoppable
from voc_local.home import free_port

Voc = Callable[..., subprocess.CompletedProcess[str]]


class Up:
    """A `voc up` of ingest alone, and what it printed."""

    def __init__(self, place: Installation, folder: Path) -> None:
        self.log = folder / "up.log"
        command = "-m voc_cli up --service ingest --tenant acme --zone Europe/Berlin"
        self.process = subprocess.Popen(
            [sys.executable, *command.split()],
            env=place.environment() | {"VOC_HOME": str(place.home), "COLUMNS": "80"},
            cwd=folder,
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
        )

    def wait(self, said: str, seconds: float = 120) -> str:
        deadline = time.monotonic() + seconds
        while said not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return self.log.read_text()


@pytest.fixture(scope="module")
def up(installed: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    found = Up(installed, tmp_path_factory.mktemp("up"))
    try:
        found.wait("Ctrl-C stops all.")
        yield found
    finally:
        found.process.kill()
        found.process.wait()


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in tasks.split()]


def test_up_prints_addresses_and_a_token_that_work(
    up: Up, installed: Installation, voc: Voc, tmp_path: Path
) -> None:
    said = up.log.read_text()
    lines = said.splitlines()
    (token,) = [x.partition("=")[2] for x in lines if x.startswith("export VOC_TOKEN=")]
    (address,) = [
        word.removesuffix("/docs")
        for x in lines
        if x.startswith("ingest api")
        for word in x.split()
        if "http" in word
    ]
    assert [x for x in lines if x.startswith("export INGEST=")] == [f"export INGEST={address}"]
    answer = httpx.get(
        f"{address}/v1/tenants/acme", headers={"Authorization": f"Bearer {token}"}, trust_env=False
    )
    assert answer.json()["zone"] == "Europe/Berlin"
    password = installed.database_url.split("@")[0].rpartition(":")[2]
    assert password not in said
    assert "✓ Every service is ready" in said

    # Other terminals find it by its folder, without any option.
    made = voc("tenant", "create", "other", "--zone", "Asia/Tokyo", VOC_HOME=str(installed.home))
    assert (made.returncode, made.stdout) == (
        0,
        "other is there, its days are those of Asia/Tokyo\n",
    )
    file = tmp_path / "f.csv"
    file.write_text("id,text\n1,hello\n2,there\n")
    loaded = voc("load", str(file), "--mapping", "generic-csv", "--tenant", "other")
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    first, second = loaded.stdout.splitlines()
    assert first == "created source file"
    assert second.startswith("2 rows = 2 accepted + 0 unchanged + 0 rejected, in ")


def test_a_folder_has_one_installation(up: Up, installed: Installation, voc: Voc) -> None:
    second = voc("up", "--service", "ingest", VOC_HOME=str(installed.home))
    assert second.returncode == 1
    assert "already up" in second.stderr
    (exported,) = [x for x in up.log.read_text().splitlines() if x.startswith("export INGEST=")]
    assert exported in second.stderr
    assert "voc token --tenant main --all" in second.stderr
    assert up.process.poll() is None


def test_a_crashed_service_is_started_again_and_all_ends_at_sigterm(
    up: Up, installed: Installation
) -> None:
    addresses = json.loads((installed.home / "up.json").read_text())
    assert addresses["pid"] == up.process.pid
    before = children(up.process.pid)
    os.kill(before[0], signal.SIGKILL)
    up.wait("started again, pid")
    after = children(up.process.pid)
    assert len(after) == len(before) == 2
    assert after != before

    up.process.terminate()
    assert up.process.wait(60) == 0
    assert up.log.read_text().splitlines()[-2:] == ["Stopping", "Stopped"]
    assert not any(Path(f"/proc/{pid}").exists() for pid in after)
    assert not (installed.home / "up.json").exists()


def test_what_a_killed_installation_left_is_not_believed(
    installed: Installation, voc: Voc, tmp_path: Path
) -> None:
    (tmp_path / "up.lock").touch()
    (tmp_path / "up.json").write_text('{"pid": 1, "apis": {"ingest": "http://127.0.0.1:1"}}')
    done = voc("tenant", "create", "x", "--zone", "UTC", VOC_HOME=str(tmp_path))
    assert "no address of ingest" in done.stderr


@pytest.mark.parametrize("role", ["api", "worker"])
def test_run_serves_in_the_foreground_and_drains_at_sigterm(
    installed: Installation, voc: Voc, tmp_path: Path, role: str
) -> None:
    port = free_port()
    more = ["--worker"] if role == "worker" else []
    process = subprocess.Popen(
        [sys.executable, "-m", "voc_cli", "run", "ingest", "--port", str(port), *more],
        env=installed.environment(),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert ready(process, port)["status"] == "ready"
        taken = voc("run", "ingest", "--port", str(port), *more)
        assert taken.returncode == 1
        assert f"voc: cannot listen on 127.0.0.1:{port}" in taken.stderr
        process.terminate()
        assert process.wait(30) == 0
        assert process.stderr is not None
        if role == "worker":
            said = process.stderr.read()
            assert f"worker starts, health at http://127.0.0.1:{port}/readyz" in said
            assert said.splitlines()[-1].endswith("worker ended with 0")
    finally:
        process.kill()
        process.wait()


def ready(process: "subprocess.Popen[str]", port: int) -> Any:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        if answer.status_code == 200:
            return answer.json()
        time.sleep(0.1)
    raise AssertionError("not ready in time")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nothing"], "there is no service 'nothing'; there are ingest, identity"),
        (["migrate", "nothing"], "there is no service 'nothing'"),
        (["up", "--service", "nothing"], "there is no service 'nothing'"),
        (["tenant", "create", "x", "--zone", "UTC"], "no address of ingest: start `voc up`"),
        (["load", "/dev/null", "--mapping", "nothing"], "there is no mapping nothing"),
    ],
)
def test_mistakes_are_answered_in_a_line_that_says_what_to_do(
    voc: Voc, tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = voc(*arguments, VOC_HOME=str(tmp_path))
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "setting", "value", "said"),
    [
        (
            ["migrate", "ingest"],
            "DATABASE_URL",
            "postgresql://voc:secret@127.0.0.1:9/voc",
            "Postgres does not answer at 127.0.0.1:9: check DATABASE_URL",
        ),
        (
            ["migrate", "ingest"],
            "DATABASE_URL",
            "mysql://voc:secret@127.0.0.1/voc",
            "must have the form postgresql://user:password@host:port/database; it begins with mysql://",
        ),
        (
            ["migrate", "ingest"],
            "DATABASE_URL",
            "postgresql://voc:secret@127.0.0.1:port/voc",
            "must have the form postgresql://user:password@host:port/database",
        ),
        (
            ["topics", "apply"],
            "KAFKA_BOOTSTRAP_SERVERS",
            "127.0.0.1:9",
            "Kafka does not answer at 127.0.0.1:9: check KAFKA_BOOTSTRAP_SERVERS",
        ),
        (
            ["run", "ingest"],
            "VOC_AUTH_KEYS_FILE",
            "nowhere.json",
            "no key to check tokens with: make one with `voc keys`",
        ),
    ],
)
def test_servers_and_keys_that_are_not_there_are_told_by_their_setting(
    voc: Voc, arguments: list[str], setting: str, value: str, said: str
) -> None:
    done = voc(*arguments, **{setting: value})
    assert done.returncode == 1
    assert "voc: " in done.stderr
    assert said in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_not_made_is_told_how_to_make_it(
    voc: Voc, installed: Installation
) -> None:
    url = f"{installed.database_url.rpartition('/')[0]}/nothing_here"
    done = voc("migrate", "ingest", DATABASE_URL=url)
    assert done.returncode == 1
    assert "there is no database nothing_here" in done.stderr
    assert "createdb nothing_here" in done.stderr


def test_a_signal_that_comes_amid_a_callback_is_not_lost() -> None:
    async def forever() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(os.kill, os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            await loop.create_future()

    with stoppable(), pytest.raises(Stopped):
        asyncio.run(forever())
