"""The HTTP edge of ingest."""

from fastapi import FastAPI
from voc_common import settle_memory
from voc_common.http import create_app
from voc_common.settings import load

from voc_ingest.api import feedback, loads, records, tenants
from voc_ingest.api.documents import document
from voc_ingest.api.service import start
from voc_ingest.settings import IngestSettings


def app() -> FastAPI:
    """The app, its settings from the environment; a factory for uvicorn."""
    settings = load(IngestSettings)
    routers = [feedback.router, tenants.router, loads.router, records.router]
    found = create_app("ingest", settings, routers, start=start)
    document(found)
    settle_memory()
    return found
