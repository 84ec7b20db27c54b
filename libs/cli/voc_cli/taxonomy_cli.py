"""The commands `voc taxonomy publish` and `voc taxonomy train`."""

from pathlib import Path
from typing import Annotated

import typer

from voc_cli.console import Bearer, out, report

app = typer.Typer(help="Taxonomies and the models that decide.", no_args_is_help=True)

TaxonomyUrl = Annotated[
    str,
    typer.Option("--url", help="address of taxonomy; that of the running `voc up` if not given"),
]
Tenant = Annotated[str, typer.Option(help="whose taxonomy; that of the token if one is given")]


@app.command("publish")
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


@app.command("train")
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
    taught = teaching.teach(file, teaching.newest(where, token), text, cause, models, report)
    out.print(f"model {taught.model} in {taught.file}, trained in {taught.seconds:.0f} s")
    out.print(taught.report)
    if activate:
        out.print(
            f"decides from now on, as model {teaching.upload(where, token, taught.file)} of the tenant"
        )
