"""What identity consumes, and its worker."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from voc_common.events import (
    ActivityIdentified,
    ActivityReceived,
    FeedbackIdentified,
    FeedbackReceived,
    TenantConfigured,
)
from voc_common.settings import load
from voc_common.stage import Subscriptions
from voc_common.worker import Context, Job, Worker

from voc_identity.handlers import records
from voc_identity.settings import IdentitySettings

SUBSCRIPTIONS: Mapping[type[Any], Callable[..., Any]] = {
    FeedbackReceived: records.feedback_received,
    ActivityReceived: records.activity_received,
    TenantConfigured: records.tenant_configured,
}
"""Handlers by event type."""


def subscriptions(settings: IdentitySettings) -> Subscriptions:
    """The handlers with their settings, and where ticks go."""
    return Subscriptions(
        handlers={
            kind: partial(handler, settings=settings) for kind, handler in SUBSCRIPTIONS.items()
        },
        forwards={FeedbackReceived: FeedbackIdentified, ActivityReceived: ActivityIdentified},
    )


def worker() -> Worker:
    """The worker of identity."""
    settings = load(IdentitySettings)

    async def reread(context: Context) -> bool:
        return await context.database.retried(partial(records.reread, settings=settings))

    return Worker("identity", settings, subscriptions(settings), (Job("reread", reread, 1.0),))
