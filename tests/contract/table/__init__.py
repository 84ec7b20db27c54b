"""The table of routes: what a good request to each looks like, and what it takes on purpose."""

from contract.table import backlog, identity, ingest, scorecard, taxonomy
from contract.table.route import Route

ROUTES: dict[str, list[Route]] = {
    "ingest": ingest.ROUTES,
    "identity": identity.ROUTES,
    "taxonomy": taxonomy.ROUTES,
    "scorecard": scorecard.ROUTES,
    "backlog": backlog.ROUTES,
}
"""Routes by service; one that the OpenAPI document has and this has not fails the tests."""
