"""Run a Postgres and a Kafka until stopped, printing the two settings that name them."""

import argparse
import contextlib
import signal
import sys
from pathlib import Path
from types import FrameType

from voc_local.ground import ground
from voc_local.home import default_home
from voc_local.lifeline import wait_for_end


def main() -> None:
    """Start both, print their addresses, stay until SIGINT, SIGTERM or the end of a process."""
    parser = argparse.ArgumentParser(prog="python -m voc_local", description=__doc__)
    parser.add_argument("--home", type=Path, default=default_home(), help="VOC_HOME, else .voc")
    parser.add_argument(
        "--no-fsync", action="store_true", help="faster; a crash of the machine loses data"
    )
    parser.add_argument("--while-pid", type=int, help="stop when this process ends")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupt)
    with (
        contextlib.suppress(KeyboardInterrupt),
        ground(options.home.absolute(), fsync=not options.no_fsync) as both,
    ):
        sys.stdout.write(f"DATABASE_URL={both.database_url}\n")
        sys.stdout.write(f"KAFKA_BOOTSTRAP_SERVERS={both.kafka}\n")
        sys.stdout.flush()
        if options.while_pid is None:
            signal.pause()
        else:
            wait_for_end(options.while_pid)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Treat SIGTERM as Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
