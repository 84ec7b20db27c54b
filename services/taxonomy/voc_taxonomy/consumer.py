"""What taxonomy consumes, and its worker."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from voc_common.events import (
    FeedbackClassified,
    FeedbackIdentified,
    RecordsErased,
    RecordsMoved,
    TenantConfigured,
)
from voc_common.settings import load
from voc_common.stage import Subscriptions
from voc_common.worker import Worker

from voc_taxonomy.handlers import catalogue, records
from voc_taxonomy.handlers.models import Models
from voc_taxonomy.settings import TaxonomySettings

SUBSCRIPTIONS: Mapping[type[Any], Callable[..., Any]] = {
    FeedbackIdentified: records.feedback_identified,
    RecordsMoved: records.records_moved,
    RecordsErased: records.records_erased,
    TenantConfigured: catalogue.tenant_configured,
}
"""Handlers by event type."""


def subscriptions(models: Models) -> Subscriptions:
    """The handlers with the models, and where ticks go."""
    return Subscriptions(
        handlers={kind: partial(handler, models=models) for kind, handler in SUBSCRIPTIONS.items()},
        forwards={FeedbackIdentified: FeedbackClassified},
    )


def worker() -> Worker:
    """The worker of taxonomy."""
    settings = load(TaxonomySettings)
    models = Models(settings.models_cached)
    assert models.starter  # now, and not amid the first batch
    return Worker("taxonomy", settings, subscriptions(models))
