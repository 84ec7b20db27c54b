"""The HTTP API of taxonomy."""

from fastapi import FastAPI
from voc_common.http import App, create_app
from voc_common.settings import load

from voc_taxonomy.api import models, records, taxonomies
from voc_taxonomy.domain.model import InvalidModel
from voc_taxonomy.domain.tree import InvalidTaxonomy
from voc_taxonomy.handlers.catalogue import NotThere, Superseded
from voc_taxonomy.handlers.corrections import UnknownCause
from voc_taxonomy.handlers.models import Models
from voc_taxonomy.settings import TaxonomySettings

_LARGER = {"/v1/models": 64 * 1024 * 1024}
"""A model of a thousand causes."""


def app() -> FastAPI:
    """The API process."""
    settings = load(TaxonomySettings)

    async def start(voc: App) -> None:
        voc.extra = Models(settings.models_cached)

    faults: dict[type[Exception], int] = {
        NotThere: 404,
        Superseded: 409,
        UnknownCause: 422,
        InvalidTaxonomy: 422,
        InvalidModel: 422,
    }
    routers = [taxonomies.router, models.router, records.router]
    return create_app(
        "taxonomy", settings, routers, start=start, faults=faults, larger_bodies=_LARGER
    )
