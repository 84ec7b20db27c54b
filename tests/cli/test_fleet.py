"""Fleet: what is started becomes ready, what crashes comes back, and nothing is left behind."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from voc_cli.fleet import Fleet, FleetError
from voc_cli.installation import Installation
from voc_cli.services import UnknownService
from voc_local.home import free_port

SUPERVISOR = """
import json, os, signal, sys
from pathlib import Path
from voc_cli.fleet import Fleet
fleet = Fleet(Path(sys.argv[1]), os.environ, restart=False)
fleet.start("ingest", "worker")
fleet.start("ingest", "api")
fleet.wait_ready(90)
fleet.processes[1].freeze()
print(json.dumps([p.pid for p in fleet.processes]), flush=True)
signal.pause()
"""


def state(pid: int) -> str:
    """The kernel's letter for the state of a process, "" if there is none of this pid."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat.rpartition(")")[2].split()[0]


def gone(pid: int) -> bool:
    """Whether no process has this pid any more (a zombie of another parent is as good as gone)."""
    return state(pid) in ("", "Z")


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def test_what_is_started_becomes_ready_and_heeds_signals(fleet: Fleet) -> None:
    (api,) = fleet.start("ingest", "api")
    workers = fleet.start("identity", "worker", 2)
    told: list[tuple[int, int]] = []
    fleet.wait_ready(90, lambda ready, of, _: told.append((ready, of)))
    assert told[-1] == (3, 3)
    assert len({p.pid for p in fleet.processes}) == len({p.port for p in fleet.processes}) == 3
    until(lambda: all(w.get("/readyz")[1]["partitions"] > 0 for w in workers))

    api.freeze()
    assert api.get("/livez", 0.5)[0] == 0
    assert api.running()
    api.thaw()
    until(lambda: api.get("/livez")[0] == 200)

    workers[0].kill()
    assert workers[0].exit_code == -signal.SIGKILL
    fleet.wait_ready(90)  # nothing is restarted here, and a killed one is not missed
    assert not workers[0].running()
    workers[0].start()
    fleet.wait_ready(90)

    api.freeze()  # it has to be woken to heed SIGTERM
    assert [p.stop() for p in fleet.processes] == [0, 0, 0]
    assert "Application shutdown complete" in api.log.read_text()


def test_a_killed_process_comes_back_at_its_address(
    installed: Installation, tmp_path: Path
) -> None:
    with Fleet(tmp_path, installed.environment()) as fleet:
        (api,) = fleet.start("ingest", "api")
        pid, url = api.pid, api.url
        api.kill()
        said: list[str] = []
        until(lambda: bool(said.extend(fleet.tend()) or api.running()))
        assert "ended with -9, again in 0.5 s" in said[0]
        assert "started again" in said[1]
        fleet.wait_ready(90)
        assert api.pid != pid
        assert api.url == url


def test_waits_double_while_a_process_keeps_ending(installed: Installation, tmp_path: Path) -> None:
    broken = installed.environment() | {"DATABASE_URL": ""}
    with Fleet(tmp_path, broken) as fleet:
        (api,) = fleet.start("ingest", "api")
        with pytest.raises(FleetError, match="database_url"):
            fleet.wait_ready(60)
        assert api.failures == api.starts == 3
        assert 1.0 < api.due - time.monotonic() <= 2.0


def test_a_fleet_that_restarts_nothing_says_what_ended(fleet: Fleet) -> None:
    (api,) = fleet.start("ingest", "api", environment={"VOC_POOL_API": "many"})
    with pytest.raises(FleetError, match="pool_api"):
        fleet.wait_ready(60)
    assert api.starts == 1


def test_a_lost_position_is_not_started_again(
    installed: Installation, tmp_path: Path, lose_position: Callable[[str, str], None]
) -> None:
    lose_position("ingest", "voc.people")
    with Fleet(tmp_path, installed.environment()) as fleet:
        (worker,) = fleet.start("ingest", "worker")
        said: list[str] = []
        until(lambda: bool(said.extend(fleet.tend()) or worker.given_up))
        assert "ended with 78, not started again" in said[0]
        assert "OffsetOutOfRange" in said[0]
        with pytest.raises(FleetError, match="ended with 78"):
            fleet.wait_ready(1)
        assert worker.starts == 1


def test_a_taken_port_is_not_insisted_on(fleet: Fleet) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        one, other = fleet.start("ingest", "api", 2, port=port)
        assert len({port, one.port, other.port}) == 3
        for process in fleet.processes:
            process.kill()


def test_what_is_not_in_this_code_is_not_started(fleet: Fleet) -> None:
    with pytest.raises(UnknownService, match="there are ingest"):
        fleet.start("nothing", "api")


def test_children_end_with_a_killed_supervisor_frozen_ones_too(
    installed: Installation, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path)],
        env=installed.environment(),
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as supervisor:
        assert supervisor.stdout is not None
        pids = json.loads(supervisor.stdout.readline())
        assert len(pids) == 2
        assert not any(gone(pid) for pid in pids)
        # The kernel ends and wakes only members that are stopped when the group is orphaned.
        until(lambda: state(pids[1]) == "T")
        supervisor.kill()
    until(lambda: all(gone(pid) for pid in pids), 30)
