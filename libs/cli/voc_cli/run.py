"""Run one api or worker in this process until SIGTERM or SIGINT, then drain and end.

Also a program, `python -m voc_cli.run SERVICE api|worker [--lifeline]`, which a fleet starts: without
the command line's own libraries a process is smaller and starts sooner.
"""

import asyncio
import importlib
import logging
import os
import signal
import sys
import threading
import time
from typing import Any

from voc_cli.services import Role, module

GRACE_SECONDS = 25.0
"""How long a process may take to end after SIGTERM."""

log = logging.getLogger(__name__)


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


def _serve(app: Any) -> int:
    import uvicorn  # noqa: PLC0415
    from voc_common import gc_settings  # noqa: PLC0415

    settings = app.state.voc.settings
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        # The rest of the grace is for the lifespan's own end.
        timeout_graceful_shutdown=int(GRACE_SECONDS) - 5,
    )
    server = uvicorn.Server(config)
    # uvicorn raises the signal again once it has ended; by then it has been heeded.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _heeded)
    gc_settings()
    server.run()
    return 0 if server.started else 3


def _heeded(*_: object) -> None:
    pass


def _work(worker: Any) -> int:
    from voc_common.worker import run as work  # noqa: PLC0415

    return asyncio.run(work(worker))


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
    return run(service, "worker" if role == "worker" else "api")


if __name__ == "__main__":
    sys.exit(main())
