"""Run one api or worker in this process until SIGTERM or SIGINT, then drain and end.

Also a program, `python -m voc_cli.run SERVICE api|worker [--lifeline]`, which a fleet starts: without
the command line's own libraries a process is smaller and starts sooner.
"""

import asyncio
import importlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

from msgspec import structs
from voc_common.settings import SettingsError
from voc_local.home import free_port

from voc_cli.services import Role, module

GRACE_SECONDS = 25.0
"""How long a process may take to end after SIGTERM."""

log = logging.getLogger("voc")


class PortTaken(RuntimeError):
    """Somebody else listens on the port, or it may not be listened on; the message says which setting names it."""


def run(service: str, role: Role, port: int | None = None) -> int:
    """Run until told to end; returns the exit code.

    `port` is the api's, or of a worker's health page; the settings' one if None, and 0 is any free one.
    """
    name = "VOC_PORT" if role == "api" else "VOC_METRICS_PORT"
    if port is not None:
        os.environ[name] = str(port)
    from voc_common import telemetry  # noqa: PLC0415

    telemetry.configure(service, os.environ.get("VOC_OTEL_ENDPOINT", ""))
    made = importlib.import_module(module(service, role))
    return _serve(made.app()) if role == "api" else _work(made.worker())


def _require_free(host: str, port: int, name: str) -> None:
    """Raise `PortTaken` if nobody can listen there."""
    if not port:
        return
    try:
        # As the server does it: closing connections of the run before do not take the port.
        socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        ).close()
    except OSError as error:
        why = str(error.strerror).partition(" (")[0]
        raise PortTaken(
            f"cannot listen on {host}:{port} ({why}): give another --port, or set {name} and VOC_HOST"
        ) from error


def _serve(app: Any) -> int:
    import uvicorn  # noqa: PLC0415
    from voc_common import settle_memory  # noqa: PLC0415
    from voc_common.http.protocol import Protocol  # noqa: PLC0415

    settings = app.state.voc.settings
    _require_free(settings.host, settings.port, "VOC_PORT")
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        http=Protocol,
        # The rest of the grace is for the lifespan's own end.
        timeout_graceful_shutdown=int(GRACE_SECONDS) - 5,
    )
    server = uvicorn.Server(config)
    # uvicorn raises the signal again once it has ended; by then it has been heeded.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _heeded)
    settle_memory()
    server.run()
    return 0 if server.started else 3


def _heeded(*_: object) -> None:
    pass


def _work(worker: Any) -> int:
    from voc_common.worker import run as work  # noqa: PLC0415

    settings = worker.settings
    port = settings.metrics_port or free_port()
    _require_free(settings.host, port, "VOC_METRICS_PORT")
    log.info("worker starts, health at http://%s:%d/readyz", settings.host, port)
    known = structs.replace(worker, settings=structs.replace(settings, metrics_port=port))
    code = asyncio.run(work(known))
    log.info("worker ended with %d", code)
    return code


def hold_lifeline() -> None:
    """End when standard input does: whoever holds its other end is gone, by SIGKILL perhaps.

    A thread, because the kernel's parent-death signal would fire when the thread that started us ends.
    """

    def watch() -> None:
        while os.read(0, 64):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def main() -> int:
    """The program a fleet starts."""
    service, role, *options = sys.argv[1:]
    if "--lifeline" in options:
        hold_lifeline()
    try:
        return run(service, "worker" if role == "worker" else "api")
    except (SettingsError, PortTaken) as error:
        log.critical("%s", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
