"""What identity consumes, and its worker."""

from functools import partial

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


def subscriptions(settings: IdentitySettings) -> Subscriptions:
    """Handlers by event type."""
    return Subscriptions(
        handlers={
            FeedbackReceived: partial(records.feedback_received, settings=settings),
            ActivityReceived: partial(records.activity_received, settings=settings),
            TenantConfigured: records.tenant_configured,
        },
        forwards={FeedbackReceived: FeedbackIdentified, ActivityReceived: ActivityIdentified},
    )


def worker() -> Worker:
    """The worker of identity."""
    settings = load(IdentitySettings)

    async def reread(context: Context) -> bool:
        return await context.database.retried(partial(records.reread, settings=settings))

    return Worker("identity", settings, subscriptions(settings), (Job("reread", reread, 1.0),))
