"""A server lives exactly as long as the process that started it, and is shared meanwhile."""

import os
import signal
import threading
from pathlib import Path

import psutil
import pytest
from voc_local.home import Claim
from voc_local.lifeline import ServerError, wait_for_end
from voc_local.postgres import Postgres

from tests.local.conftest import Script, said

OWNER = """
import sys, pathlib
from voc_local.postgres import Postgres
with Postgres(pathlib.Path(sys.argv[1]), fsync=False) as server:
    print(server.pid, server.owned, server.url(), flush=True)
    sys.stdin.read()
"""


def test_a_server_ends_with_its_owners_sigkill(folder: Path, script: Script):
    owner = script(OWNER, folder / "postgres")
    pid = int(said(owner).split()[0])
    assert psutil.pid_exists(pid)
    owner.kill()
    assert wait_for_end(pid, 10)
    with Postgres(folder / "postgres", fsync=False) as again:
        # It was not only ended: it was stopped, and has nothing to recover.
        assert "was not properly shut down" not in again.log.read_text()


def test_a_server_ends_with_its_owner_also_when_a_child_of_that_lives_on(
    folder: Path, script: Script
):
    """One forked without exec has all the pipes of its parent."""
    forking = OWNER.replace("    print", "    import os\n    if os.fork(): print")
    owner = script(forking, folder / "postgres")
    pid = int(said(owner).split()[0])
    os.kill(owner.pid, signal.SIGKILL)
    assert wait_for_end(pid, 10)
    with Postgres(folder / "postgres", fsync=False, start_seconds=5.0) as again:
        assert again.owned


def test_a_server_ends_with_its_watcher(postgres: Postgres):
    watcher = psutil.Process(postgres.pid).parent()
    assert watcher is not None
    watcher.kill()
    assert wait_for_end(postgres.pid, 10)
    postgres.start()
    assert psutil.pid_exists(postgres.pid)


def test_a_server_outlives_the_thread_that_started_it(folder: Path):
    server = Postgres(folder / "postgres", fsync=False)
    starting = threading.Thread(target=server.start)
    starting.start()
    starting.join()
    assert not wait_for_end(server.pid, 1.0)
    server.stop()
    assert not psutil.pid_exists(server.pid)


def test_a_ctrl_c_is_the_owners_affair(folder: Path, script: Script):
    """The terminal sends it to all processes of the owner's group."""
    patient = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + OWNER
    owner = script(patient, folder / "postgres", process_group=0)
    pid = int(said(owner).split()[0])
    os.killpg(owner.pid, signal.SIGINT)
    assert not wait_for_end(pid, 1.0)
    owner.communicate()
    assert owner.returncode == 0
    assert wait_for_end(pid, 0.1)


def test_a_second_process_attaches_and_leaves_the_server_running(
    postgres: Postgres, script: Script
):
    guest = script(OWNER, postgres.folder)
    assert said(guest) == f"{postgres.pid} False {postgres.url()}"
    guest.communicate()
    assert guest.returncode == 0
    assert not wait_for_end(postgres.pid, 0.5)


def test_of_two_that_start_at_once_one_owns_and_both_are_served(folder: Path, script: Script):
    both = [script(OWNER, folder / "postgres") for _ in range(2)]
    lines = [said(process).split() for process in both]
    assert sorted(owned for _, owned, _ in lines) == ["False", "True"]
    assert lines[0][2] == lines[1][2]


def test_a_folder_is_not_free_before_its_server_is_gone(folder: Path, script: Script):
    """Two servers on the same data would destroy it."""
    owner = script(OWNER, folder / "postgres")
    server = psutil.Process(int(said(owner).split()[0]))
    server.suspend()
    owner.kill()
    owner.wait()
    claim = Claim(folder / "postgres")
    with pytest.raises(ServerError, match="another process holds"):
        claim.take(lambda _: False, 1.0)
    server.resume()
    assert claim.take(lambda _: False, 20.0)
    assert wait_for_end(server.pid, 0)
    claim.release()


@pytest.mark.parametrize("pid", [1, os.getpid()])
def test_waiting_for_a_process_that_lives_gives_up(pid: int):
    assert not wait_for_end(pid, 0.05)
