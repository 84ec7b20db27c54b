"""The HTTP API of the backlog: items with evidence and trail, steps, routes to owners."""

from fastapi import FastAPI
from voc_common.http import create_app
from voc_common.settings import load

from voc_backlog.api import items, routes
from voc_backlog.domain import acts
from voc_backlog.handlers import items as use_cases
from voc_backlog.handlers.routes import NoSuchVersion
from voc_backlog.settings import BacklogSettings


def app() -> FastAPI:
    """The app, its settings from the environment; a factory for uvicorn."""
    settings = load(BacklogSettings)
    faults: dict[type[Exception], int] = {
        use_cases.NotThere: 404,
        NoSuchVersion: 404,
        use_cases.Occupied: 409,
        use_cases.UnknownCause: 422,
        acts.NotAllowed: 409,
        acts.Unfit: 422,
    }
    return create_app("backlog", settings, [items.router, routes.router], faults=faults)
