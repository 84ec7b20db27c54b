"""What the backlog consumes, and its worker."""

from collections.abc import Mapping
from typing import Any

from voc_common.events import HotIssueChanged, TaxonomyPublished, TenantConfigured
from voc_common.settings import load
from voc_common.stage import Handler, Subscriptions
from voc_common.worker import Worker

from voc_backlog.handlers import events
from voc_backlog.settings import BacklogSettings

SUBSCRIPTIONS: Mapping[type[Any], Handler] = {
    HotIssueChanged: events.hot_issue_changed,
    TaxonomyPublished: events.taxonomy_published,
    TenantConfigured: events.tenant_configured,
}


def worker() -> Worker:
    """The worker, its settings from the environment."""
    settings = load(BacklogSettings)
    return Worker("backlog", settings, Subscriptions(handlers=SUBSCRIPTIONS))
