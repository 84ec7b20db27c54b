"""The ground of the tests: a real Postgres and a real Apache Kafka, one of each for all workers.

They are those of `DATABASE_URL` and `KAFKA_BOOTSTRAP_SERVERS`, else containers with `--containers`,
else our own, started by the first test that asks and stopped with the run.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import pytest_asyncio
from harness import databases
from hypothesis import HealthCheck, settings
from voc_local import home
from voc_local.ground import Ground
from voc_local.lifeline import wait_for_end

# How long an example takes to draw says something of the machine, and nothing of the code.
settings.register_profile("voc", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("voc")

# Inherited by the workers of pytest-xdist: where this run's servers are, and whose they are.
HOME = "VOC_TEST_HOME"
RUN = "VOC_TEST_RUN"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--containers",
        action="store_true",
        help="Postgres and Kafka by testcontainers, where Docker runs",
    )


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    if config.getoption("--containers"):
        config.add_cleanup(start_containers())
    if named() is None:
        folder = Path(tempfile.mkdtemp(prefix="voc-tests-"))
        # For Postgres, which runs as somebody else when we are root.
        folder.chmod(0o711)
        os.environ[HOME] = str(folder)
        os.environ[RUN] = str(os.getpid())
        config.add_cleanup(lambda: stop_servers(folder))


def named() -> tuple[str, str] | None:
    """URL and bootstrap where the environment has both."""
    url, bootstrap = os.environ.get("DATABASE_URL"), os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    return (url, bootstrap) if url and bootstrap else None


@pytest.fixture(scope="session")
def ground() -> Ground:
    """The two servers of this run."""
    database_url, kafka = named() or servers_of(Path(os.environ[HOME]))
    return Ground(database_url, kafka, None, None)


@pytest.fixture(scope="session")
def kafka_bootstrap(ground: Ground) -> str:
    """The `bootstrap_servers` of the run's Kafka."""
    return ground.kafka


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database_url(ground: Ground) -> AsyncIterator[str]:
    """The URL of an empty database of the module's own; roles are shared by the whole server."""
    async with databases.fresh(ground.database_url) as url:
        yield url


def servers_of(folder: Path) -> tuple[str, str]:
    """Start the run's servers unless another worker has; return their URL and bootstrap."""
    settings = folder / "settings"
    with (folder / "starting").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not settings.exists():
            draft = folder / "settings.new"
            options = ["--no-fsync", f"--while-pid={os.environ[RUN]}"]
            with draft.open("w") as out, (folder / "errors.log").open("w") as errors:
                # A process of its own: a worker that has no more tests must not stop them.
                process = subprocess.Popen(
                    [sys.executable, "-m", "voc_local", f"--home={folder}", *options],
                    stdout=out,
                    stderr=errors,
                    start_new_session=True,
                )
            (folder / "pid").write_text(str(process.pid))
            while len(draft.read_text().splitlines()) < 2:
                if process.poll() is not None:
                    pytest.exit((folder / "errors.log").read_text(), returncode=3)
                time.sleep(0.02)
            draft.rename(settings)
    lines = dict(line.split("=", 1) for line in settings.read_text().splitlines())
    return lines["DATABASE_URL"], lines["KAFKA_BOOTSTRAP_SERVERS"]


def stop_servers(folder: Path) -> None:
    pid = folder / "pid"
    if pid.exists():
        with suppress(ProcessLookupError):
            os.kill(int(pid.read_text()), signal.SIGTERM)
        wait_for_end(int(pid.read_text()), 60.0)
    home.erase(folder)
    shutil.rmtree(folder, ignore_errors=True)


def start_containers() -> Callable[[], None]:
    """Start both by Docker, name them in the environment, return what stops them."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy
    from testcontainers.postgres import PostgresContainer

    port = home.free_port()
    settings = {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
    }
    kafka = DockerContainer("apache/kafka:4.3.0").with_bind_ports(port, port)
    for name, value in settings.items():
        kafka.with_env(f"KAFKA_{name}", value)
    kafka.waiting_for(LogMessageWaitStrategy("Kafka Server started"))
    postgres = PostgresContainer("postgres:18", dbname="voc", driver=None).with_command(
        "-c fsync=off -c full_page_writes=off -c max_connections=200"
    )
    with ExitStack() as started:
        started.enter_context(kafka)
        started.enter_context(postgres)
        os.environ["KAFKA_BOOTSTRAP_SERVERS"] = f"127.0.0.1:{port}"
        os.environ["DATABASE_URL"] = postgres.get_connection_url()
        return started.pop_all().close
