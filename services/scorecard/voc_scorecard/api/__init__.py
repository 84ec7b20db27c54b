"""The HTTP edge of the scorecard."""

from fastapi import FastAPI
from voc_common import settle_memory
from voc_common.http import create_app
from voc_common.settings import load

from voc_scorecard.api import hot_issues, rebuilding, records, scorecard, series
from voc_scorecard.settings import ScorecardSettings


def app() -> FastAPI:
    """The app, its settings from the environment; a factory for uvicorn."""
    settings = load(ScorecardSettings)
    found = create_app(
        "scorecard",
        settings,
        [scorecard.router, series.router, records.router, hot_issues.router, rebuilding.router],
    )
    settle_memory()
    return found
