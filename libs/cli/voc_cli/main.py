"""The `voc` command: every subcommand, its options and what it prints."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from voc_cli import services

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
taxonomy_app = typer.Typer(help="Taxonomies and the models that decide.", no_args_is_help=True)
app.add_typer(taxonomy_app, name="taxonomy")

out = Console()

Url = Annotated[
    str, typer.Option(help="address of ingest; that of the running `voc up` if not given")
]


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
                out.print(f"\na token of the tenant {tenant}, for 30 days:", highlight=False)
                out.print(f"export VOC_TOKEN={bearer}", soft_wrap=True, highlight=False)
                out.print("\nCtrl-C stops all.", style="dim")
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
    with installation(_report) as place:
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

    with installation(_report, kafka=False) as place:
        for line in deployment.migrate(place, service or []):
            out.print(line, highlight=False)


@topics_app.command("apply")
def topics_apply() -> None:
    """Create missing topics and grow small ones; never shrinks or deletes."""
    from voc_cli import deployment  # noqa: PLC0415
    from voc_cli.installation import installation  # noqa: PLC0415

    wanted = deployment.read_topics(deployment.topics_file())
    with installation(_report, postgres=False) as place:
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
    with installation(_report, postgres=False) as place:
        deployment.rewind(place, service, read)
    out.print(
        f"{service} will read {len(read)} topics from their beginning: {', '.join(read)}",
        highlight=False,
    )


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
    tenant: Annotated[str, typer.Option(help="whose data it opens; - is the operator")],
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
    if not scopes and not role:
        raise typer.BadParameter(
            f"say --all, --role or --scope; scopes are {', '.join(auth.SCOPES)}"
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


@app.command()
def load(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or JSON Lines")],
    mapping: Annotated[
        str, typer.Option(help="cfpb, generic-csv, native, native-activity, or the path of a .json")
    ],
    source: Annotated[
        str, typer.Option(help="of every row; else what the rows or the mapping say")
    ] = "",
    history: Annotated[
        bool, typer.Option("--history", help="rows count as known since their own times")
    ] = False,
    tenant: Annotated[str, typer.Option(help="if no token is given")] = "main",
    url: Url = "",
    bearer: Annotated[
        str, typer.Option("--token", envvar="VOC_TOKEN", help="signed here if not given")
    ] = "",
    rejects: Annotated[
        Path | None, typer.Option(help="default: FILE.rejects.jsonl in the current folder")
    ] = None,
    requests: Annotated[int, typer.Option(min=1, max=32, help="at once")] = 4,
    patience: Annotated[
        float, typer.Option(help="seconds without progress after which to give up")
    ] = 300.0,
    again: Annotated[
        bool, typer.Option("--again", help="from the beginning, though it was interrupted")
    ] = False,
    show: Annotated[
        int, typer.Option(help="only print the items of so many rows, and send nothing")
    ] = 0,
) -> None:
    """Load a file through the front door.

    Interrupted, the same command goes on where it was; repeated, it changes nothing. Exit codes: 0 all rows
    are in, 3 some were rejected, 75 ingest was away for too long (run it again), 1 anything else.
    """
    from voc_cli import api  # noqa: PLC0415
    from voc_cli.load import command, display  # noqa: PLC0415
    from voc_cli.load.mapping import find  # noqa: PLC0415
    from voc_cli.load.sending import GaveUp  # noqa: PLC0415

    found = find(mapping)
    if show:
        for line in command.preview(file, found, source, show):
            out.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    plan = command.Plan(
        file=file,
        mapping=found,
        url=api.address("ingest", url),
        token=api.token(tenant, "feedback:write", "sources:write", given=bearer, minutes=24 * 60),
        source=source,
        history=history,
        rejects=rejects or Path(f"{file.name}.rejects.jsonl"),
        requests=requests,
        patience=patience,
        again=again,
    )
    try:
        with display.progress(out, file.name) as told:
            outcome = command.run(plan, told)
    except GaveUp as error:
        out.print(
            f"{error}\nrun the same command again to go on from here",
            highlight=False,
            soft_wrap=True,
        )
        raise typer.Exit(75) from error
    except KeyboardInterrupt:
        out.print("interrupted; run the same command again to go on from here", highlight=False)
        raise typer.Exit(130) from None
    display.summary(outcome, plan, out)
    raise typer.Exit(3 if outcome.counts.rejected else 0)


TaxonomyUrl = Annotated[
    str,
    typer.Option("--url", help="address of taxonomy; that of the running `voc up` if not given"),
]
Tenant = Annotated[str, typer.Option(help="whose taxonomy; that of the token if one is given")]
Bearer = Annotated[
    str, typer.Option("--token", envvar="VOC_TOKEN", help="signed here if not given")
]


@taxonomy_app.command("publish")
def taxonomy_publish(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a taxonomy as JSON")],
    url: TaxonomyUrl = "",
    tenant: Tenant = "main",
    bearer: Bearer = "",
) -> None:
    """Publish a taxonomy; a model trained from its examples decides on what comes from now on."""
    import msgspec  # noqa: PLC0415
    from voc_taxonomy.domain.tree import Taxonomy  # noqa: PLC0415

    from voc_cli import api, teaching  # noqa: PLC0415

    token = api.token(tenant, "taxonomy:read", "taxonomy:write", given=bearer)
    taxonomy = msgspec.json.decode(file.read_bytes(), type=Taxonomy)
    out.print(teaching.publish(api.address("taxonomy", url), token, taxonomy))


@taxonomy_app.command("train")
def taxonomy_train(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV of labelled texts")
    ],
    text: Annotated[str, typer.Option(help="column of the text")] = "text",
    cause: Annotated[str, typer.Option(help="column of the cause id; empty: no cause")] = "cause",
    models: Annotated[Path, typer.Option(help="folder for the trained model")] = Path("models"),
    activate: Annotated[bool, typer.Option(help="let it decide on what comes from now on")] = True,
    url: TaxonomyUrl = "",
    tenant: Tenant = "main",
    bearer: Bearer = "",
) -> None:
    """Train a model for the newest taxonomy from labelled rows and its own examples, and let it decide."""
    from voc_cli import api, teaching  # noqa: PLC0415

    token = api.token(tenant, "taxonomy:read", "taxonomy:write", given=bearer)
    where = api.address("taxonomy", url)
    taught = teaching.teach(file, teaching.newest(where, token), text, cause, models, _report)
    out.print(f"model {taught.model} in {taught.file}, trained in {taught.seconds:.0f} s")
    out.print(taught.report)
    if activate:
        out.print(
            f"decides from now on, as model {teaching.upload(where, token, taught.file)} of the tenant"
        )


@app.command()
def doctor() -> None:
    """Say what is wrong with this installation, and what to do. Exit code 1 if anything is."""
    from voc_cli.doctor import examine  # noqa: PLC0415

    marks = {"good": "[green]✓[/]", "note": "[yellow]![/]", "bad": "[red]✗[/]"}
    wrong = 0
    for finding in examine(_report):
        out.print(marks[finding.level], finding.what, highlight=False, soft_wrap=True)
        if finding.todo:
            out.print(f"    {finding.todo}", style="bold", highlight=False, soft_wrap=True)
        wrong += finding.level == "bad"
    out.print(f"\n{wrong} to mend" if wrong else "\nall is well", highlight=False)
    raise typer.Exit(1 if wrong else 0)


def _report(line: str) -> None:
    """Progress of a first download and the like; standard output is for results."""
    sys.stderr.write(f"{line}\n")


def main() -> None:
    """Run the command; our own errors are one line that says what to do, anything else is a bug."""
    try:
        app()
    except Exception as error:
        if not type(error).__module__.startswith("voc_"):
            raise
        Console(stderr=True).print(f"[red]voc:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
