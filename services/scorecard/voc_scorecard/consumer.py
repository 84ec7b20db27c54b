"""What the scorecard consumes, and its worker."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from voc_common import give_back_memory
from voc_common.events import (
    ActivityIdentified,
    FeedbackClassified,
    ItemChanged,
    RecordsErased,
    RecordsMoved,
    TaxonomyPublished,
    TenantConfigured,
)
from voc_common.settings import load
from voc_common.stage import Handler, Subscriptions
from voc_common.wire import topic
from voc_common.worker import Context, Job, Worker

from voc_scorecard.handlers import counting, gathering, hot_issues, told
from voc_scorecard.settings import ScorecardSettings

SUBSCRIPTIONS: Mapping[type[Any], Handler] = {
    FeedbackClassified: counting.feedback_classified,
    ActivityIdentified: counting.activity_identified,
    RecordsMoved: counting.records_moved,
    RecordsErased: counting.records_erased,
    TaxonomyPublished: told.taxonomy_published,
    TenantConfigured: told.tenant_configured,
    ItemChanged: told.item_changed,
}


class _Judging:
    """The job that judges closed buckets."""

    def __init__(self) -> None:
        self._judged = False

    async def watch(self, context: Context) -> bool:
        """Judge the closed buckets of one tenant; True if there was one."""
        partitions = await context.producer.partitions(topic(FeedbackClassified, "live"))
        found = await context.database.retried(partial(hot_issues.closed, partitions=partitions))
        if found is None:
            if self._judged:
                self._judged = False
                await asyncio.to_thread(give_back_memory)
            return False
        self._judged = True
        alarms = await asyncio.to_thread(hot_issues.judge, found)
        await context.database.retried(partial(hot_issues.conclude, found=found, alarms=alarms))
        return True


async def gather(context: Context) -> bool:
    """Gather shards of closed buckets; True if there are more."""
    return await gathering.gather(context.database)


def worker() -> Worker:
    """The worker, its settings from the environment."""
    settings = load(ScorecardSettings)
    subscriptions = Subscriptions(handlers=SUBSCRIPTIONS, ticks=told.ticked)
    jobs = (Job("watch", _Judging().watch, 1.0), Job("shards", gather, 30.0))
    return Worker("scorecard", settings, subscriptions, jobs)
