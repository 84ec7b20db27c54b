"""The `voc` command: every subcommand, its options and what it prints."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from voc_cli import services, taxonomy_cli
from voc_cli.console import Url, out, report
from voc_cli.load.cli import load

app = typer.Typer(
    name="voc",
    help="Event-driven voice of the customer: feedback in, owned and verified improvements out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
topics_app = typer.Typer(help="The topics on Kafka.", no_args_is_help=True)
tenant_app = typer.Typer(help="Tenants.", no_args_is_help=True)
app.add_typer(topics_app, name="topics")
app.add_typer(tenant_app, name="tenant")
app.add_typer(taxonomy_cli.app, name="taxonomy")


@app.command()
def up(
    workers: Annotated[int, typer.Option(min=1, help="workers of each service")] = 1,
    service: Annotated[
        list[str] | None, typer.Option(help="only this one; may be repeated")
    ] = None,
    tenant: Annotated[
        str, typer.Option(help="created if it is not there; the printed token is for it")
    ] = "main",
    zone: Annotated[
        str, typer.Option(help="time zone of the tenant's days, if it is created")
    ] = "UTC",
) -> None:
    """Start everything on this machine, and stay until stopped (Ctrl-C).

    Postgres and Kafka are those of `DATABASE_URL` and `KAFKA_BOOTSTRAP_SERVERS`, else voc's own, whose
    data stays in `VOC_HOME` (`.voc`).
    """
    from voc_cli import api  # noqa: PLC0415
    from voc_cli import up as whole  # noqa: PLC0415

    chosen = [services.check(s) for s in service or services.SERVICES]
    with whole.stoppable():
        try:
            with whole.running(out, chosen, workers) as (place, fleet):
                whole.show(place, fleet, out)
                if fleet.of("ingest", "api"):
                    api.ensure_tenant(tenant, zone, fleet.url("ingest"))
                bearer = api.token(tenant, *api.all_scopes(tenant), minutes=30 * 24 * 60)
                out.print("\nfor other terminals, to paste:", style="dim")
                for line in whole.exports(fleet, bearer):
                    out.print(line, soft_wrap=True, highlight=False)
                said = f"\nThe token is of the tenant {tenant}, for 30 days. Ctrl-C stops all."
                out.print(said, style="dim", highlight=False, soft_wrap=True)
                whole.tend(fleet, out)
        except whole.Stopped:
            out.print("Stopped")


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="another seed is another company")] = 7,
    events: Annotated[int, typer.Option(min=2_000, help="history and live part together")] = 10_000,
    leave: Annotated[
        bool, typer.Option("--exit", help="stop by itself instead of staying up")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="write every figure to this JSON file")
    ] = None,
) -> None:
    """Stream a believable company through the front door and show what voc makes of it."""
    import time  # noqa: PLC0415

    from voc_cli import up as whole  # noqa: PLC0415
    from voc_cli.demo import run as story  # noqa: PLC0415

    began = time.monotonic()
    with whole.stoppable():
        try:
            story.run(out, seed=seed, events=events, leave=leave, report=report, began=began)
        except whole.Stopped:
            out.print("Stopped")


@app.command()
def run(
    service: Annotated[
        str, typer.Argument(envvar="VOC_SERVICE", help=f"one of {', '.join(services.SERVICES)}")
    ],
    worker: Annotated[bool, typer.Option("--worker", help="the worker instead of the api")] = False,
    port: Annotated[
        int | None, typer.Option(help="of the api, or of the worker's health page")
    ] = None,
) -> None:
    """Run one service in the foreground: its api, or one worker. SIGTERM drains it within 25 s."""
    import os  # noqa: PLC0415

    from voc_cli import run as one  # noqa: PLC0415
    from voc_cli.installation import installation  # noqa: PLC0415

    role: services.Role = "worker" if worker else "api"
    services.module(service, role)
    with installation(report) as place:
        os.environ.update(place.environment())
        code = one.run(service, role, port)
    raise typer.Exit(code)


@app.command()
def migrate(
    service: Annotated[
        list[str] | None, typer.Argument(help="all that own a schema if none is named")
    ] = None,
) -> None:
    """Bring the services' schemas to this code's revision."""
    from voc_cli import deployment  # noqa: PLC0415
    from voc_cli.installation import installation  # noqa: PLC0415

    with installation(report, kafka=False) as place:
        for line in deployment.migrate(place, service or []):
            out.print(line, highlight=False)


@topics_app.command("apply")
def topics_apply() -> None:
    """Create missing topics and grow small ones; never shrinks or deletes."""
    from voc_cli import deployment  # noqa: PLC0415
    from voc_cli.installation import installation  # noqa: PLC0415

    wanted = deployment.read_topics(deployment.topics_file())
    with installation(report, postgres=False) as place:
        done = deployment.apply_topics(place, wanted)
    for line in done:
        out.print(line, highlight=False)
    out.print(f"{len(wanted)} topics are as declared", highlight=False)


@topics_app.command("rewind")
def topics_rewind(
    service: Annotated[str, typer.Argument(help="whose positions; stop its workers first")],
) -> None:
    """Put a service back to the earliest position of all its topics.

    For a service that stopped because its position is lost. Reading again is harmless; what the topics no
    longer hold comes back by a replay (`POST /v1/replays` of ingest).
    """
    from voc_cli import deployment  # noqa: PLC0415
    from voc_cli.installation import installation  # noqa: PLC0415

    read = services.topics(services.check(service))
    with installation(report, postgres=False) as place:
        deployment.rewind(place, service, read)
    out.print(
        f"{service} will read {len(read)} topics from their beginning: {', '.join(read)}",
        highlight=False,
    )


@app.command()
def restored(
    service: Annotated[str, typer.Argument(help="whose schema came from a backup")],
) -> None:
    """Say that a service's schema was restored from a backup, before its workers run again.

    Its counters stand where they stood then. This raises the schema's generation, so that what it tells
    from now on outranks what it told between the backup and the loss.
    """
    from voc_cli import restoring  # noqa: PLC0415
    from voc_cli.installation import installation  # noqa: PLC0415

    steps = restoring.steps(service)
    with installation(report, kafka=False) as place:
        generation = restoring.raise_generation(place, service)
    out.print(f"{service} is at generation {generation}. What to do next:", highlight=False)
    for number, step in enumerate(steps, 1):
        out.print(f"{number}. {step}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def keys(
    public: Annotated[
        Path | None, typer.Option(help="also write the public half here, for the services")
    ] = None,
) -> None:
    """Make the key that signs tokens, if there is none, at `VOC_AUTH_KEYS_FILE` (`.voc/keys.json`)."""
    from voc_cli import deployment  # noqa: PLC0415
    from voc_cli.installation import keys_file  # noqa: PLC0415

    made = deployment.ensure_keys(keys_file())
    out.print(f"{keys_file()} {'made' if made else 'is there'}", highlight=False)
    if public is not None:
        deployment.publish_keys(keys_file(), public)
        out.print(f"{public} holds its public half", highlight=False)


@app.command()
def token(
    tenant: Annotated[str, typer.Option(help="whose data it opens; - is the operator")] = "",
    scope: Annotated[list[str] | None, typer.Option(help="may be repeated")] = None,
    every: Annotated[bool, typer.Option("--all", help="every scope")] = False,
    role: Annotated[
        list[str] | None, typer.Option(help="agent, manager, dri, council or admin")
    ] = None,
    days: Annotated[float, typer.Option(min=0.001, max=3650)] = 30,
    subject: Annotated[
        str, typer.Option(help="who uses it; appears in audit trails")
    ] = "voc token",
) -> None:
    """Print a signed token for a machine, and nothing else."""
    from voc_common import auth  # noqa: PLC0415

    from voc_cli import api, deployment  # noqa: PLC0415
    from voc_cli.installation import keys_file  # noqa: PLC0415

    scopes = [part for one in scope or [] for part in one.replace(",", " ").split()]
    if every:
        scopes = api.all_scopes(tenant)
    asked = [
        *([] if tenant else ["whose data it opens: --tenant"]),
        *([] if scopes or role else ["what it allows: --all, --role or --scope"]),
    ]
    if asked:
        raise typer.BadParameter(
            f"say {', and '.join(asked)}; for example: voc token --tenant main --all. "
            f"Scopes are {', '.join(auth.SCOPES)}"
        )
    deployment.ensure_keys(keys_file())
    try:
        made = auth.mint(
            keys_file(), tenant, subject, scopes, roles=role or [], seconds=int(days * 86_400)
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    sys.stdout.write(f"{made}\n")


@tenant_app.command("create")
def tenant_create(
    name: Annotated[str, typer.Argument(help="its id, in every token and every row")],
    zone: Annotated[
        str, typer.Option(help="IANA time zone of its days; fixed once it has records")
    ],
    currency: Annotated[str, typer.Option(help="of costs and revenue")] = "EUR",
    url: Url = "",
    bearer: Annotated[
        str, typer.Option("--token", help="an operator's; signed here if not given")
    ] = "",
) -> None:
    """Create a tenant."""
    from voc_cli import api  # noqa: PLC0415

    where = api.address("ingest", url)
    api.create_tenant(name, zone, where, bearer or api.operator_token(), currency)
    out.print(f"{name} is there, its days are those of {zone}", highlight=False)


@app.command()
def schemas(
    folder: Annotated[Path, typer.Argument(help="docs/events in the source tree")],
) -> None:
    """Write the events' JSON Schemas and an AsyncAPI document, generated from the code."""
    from voc_cli import schemas as generated  # noqa: PLC0415

    for path in generated.write(folder):
        out.print(str(path), highlight=False)


app.command()(load)


@app.command()
def doctor() -> None:
    """Say what is wrong with this installation, and what to do. Exit code 1 if anything is."""
    from voc_cli.doctor import examine  # noqa: PLC0415

    marks = {"good": "[green]✓[/]", "note": "[yellow]![/]", "bad": "[red]✗[/]"}
    wrong = 0
    for finding in examine(report):
        out.print(marks[finding.level], finding.what, highlight=False, soft_wrap=True)
        if finding.todo:
            out.print(f"    {finding.todo}", style="bold", highlight=False, soft_wrap=True)
        wrong += finding.level == "bad"
    out.print(f"\n{wrong} to mend" if wrong else "\nall is well", highlight=False)
    raise typer.Exit(1 if wrong else 0)


def main() -> None:
    """Run the command; our own errors are one line that says what to do, anything else is a bug."""
    try:
        app()
    except Exception as error:
        if not type(error).__module__.startswith("voc_"):
            raise
        said = f"[red]voc:[/] {escape(str(error))}"
        Console(stderr=True).print(said, highlight=False, soft_wrap=True)
        sys.exit(1)
