"""HTTP edges: the app factory, problem+json, who is calling, pagination, health."""

from voc_common.http.app import App, create_app
from voc_common.http.callers import caller
from voc_common.http.paging import Page, cursor, read_cursor
from voc_common.http.problems import Problem

__all__ = ["App", "Page", "Problem", "caller", "create_app", "cursor", "read_cursor"]
