"""What all subcommands share: where they print, and options that several of them have."""

import sys
from typing import Annotated

import typer
from rich.console import Console

out = Console()

Url = Annotated[
    str, typer.Option(help="address of ingest; that of the running `voc up` if not given")
]
Bearer = Annotated[
    str, typer.Option("--token", envvar="VOC_TOKEN", help="signed here if not given")
]


def report(line: str) -> None:
    """Progress of a first download and the like; standard output is for results."""
    sys.stderr.write(f"{line}\n")
