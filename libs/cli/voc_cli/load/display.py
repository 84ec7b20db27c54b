"""What `voc load` shows while it works, and what it says at its end."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from voc_cli.load.command import Outcome, Plan, Watch

_LINE_SECONDS = 10.0


@contextmanager
def progress(console: Console, name: str) -> Generator[Callable[[Watch], None]]:
    """Give a function that shows how far a load is: a bar on a terminal, else a line now and then."""
    began = time.monotonic()
    first: list[int] = []
    last = began

    def said(watch: Watch) -> str:
        # Rows of an earlier run are skipped, not sent: they would flatter the rate.
        first.append(watch.counts.rows) if not first else None
        rate = (watch.counts.rows - first[0]) / max(time.monotonic() - began, 1e-6)
        text = f"{counted(watch.counts.rows)}, {rate:,.0f}/s"
        if watch.counts.rejected:
            text += f", {watch.counts.rejected:,} rejected"
        return f"{text}; waiting: {watch.waiting}" if watch.waiting else text

    if not console.is_terminal:

        def line(watch: Watch) -> None:
            nonlocal last
            text = said(watch)
            if time.monotonic() - last > _LINE_SECONDS:
                last = time.monotonic()
                console.print(
                    f"{watch.position / max(watch.size, 1):.0%} {text}",
                    highlight=False,
                    soft_wrap=True,
                )

        yield line
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[said]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(name, said="")
        yield lambda watch: shown.update(
            task, total=watch.size, completed=watch.position, said=said(watch)
        )


def counted(rows: int) -> str:
    """A number of rows in words."""
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def summary(outcome: Outcome, plan: Plan, console: Console) -> None:
    """Say what a load came to."""
    counts = outcome.counts
    if outcome.left_out:
        console.print(
            f"columns left out by the mapping: {', '.join(outcome.left_out)}",
            style="dim",
            soft_wrap=True,
        )
    for source in outcome.created:
        console.print(f"created source {source}", highlight=False)
    console.print(
        f"{counted(outcome.rows)} = {counts.accepted:,} accepted + {counts.unchanged:,} unchanged "
        f"+ {counts.rejected:,} rejected, in {outcome.seconds:.1f} s"
        + (" (resumed)" if outcome.resumed else ""),
        highlight=False,
        soft_wrap=True,
    )
    if counts.rejected:
        console.print(
            f"rejected rows, with their lines and reasons: {plan.rejects}",
            highlight=False,
            soft_wrap=True,
        )
    if outcome.load:
        then = (
            ""
            if outcome.state == "closed"
            else ": the worker of ingest closes it once all of it is published"
        )
        console.print(
            f"history load {outcome.load} is {outcome.state}{then}", highlight=False, soft_wrap=True
        )
