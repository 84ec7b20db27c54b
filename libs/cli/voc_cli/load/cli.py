"""The command `voc load`: its options, its exit codes and what it prints."""

from pathlib import Path
from typing import Annotated

import typer

from voc_cli.console import Bearer, Url, out


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
    bearer: Bearer = "",
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
    wordless: Annotated[
        bool,
        typer.Option("--wordless", help="the file has neither texts nor scores, and that is right"),
    ] = False,
    show: Annotated[
        int, typer.Option(help="only print the items of so many rows, and send nothing")
    ] = 0,
) -> None:
    """Load a file through the front door.

    Interrupted, the same command goes on where it was; repeated with the same source, it changes nothing.
    A source that is not there is created.

    `generic-csv` reads the columns text, score, score_kind (NPS, CSAT, CES, stars, thumbs), score_min,
    score_max, score_direction, question, wording, relational, id, source, kind, created_at, occurred_at,
    updated_at, channel, product, team, segment, stakeholder, customer_id, email, phone, name, account_id;
    all others become attributes.

    Exit codes: 0 all rows are in, 3 some were rejected, 75 ingest was away for too long (run it again),
    130 interrupted (run it again), 2 the command is not understood, 1 anything else.
    """
    from voc_cli import api  # noqa: PLC0415
    from voc_cli.load import command, display  # noqa: PLC0415
    from voc_cli.load.mapping import find  # noqa: PLC0415
    from voc_cli.load.sending import GaveUp  # noqa: PLC0415

    found = find(mapping)
    if show:
        for line in command.preview(file, found, source, show, wordless=wordless):
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
        wordless=wordless,
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
