"""What ingest consumes, and the jobs of its worker."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from voc_common.events import RecordsErased
from voc_common.settings import load
from voc_common.stage import Handler, Subscriptions
from voc_common.worker import Job, Worker

from voc_ingest.handlers.bulk import publish_bulk
from voc_ingest.handlers.erasure import records_erased
from voc_ingest.handlers.keeping import keep_archive
from voc_ingest.handlers.relay import publish_pending
from voc_ingest.handlers.ticks import ticking
from voc_ingest.settings import IngestSettings

SUBSCRIPTIONS: Mapping[type[Any], Handler] = {RecordsErased: records_erased}


def worker() -> Worker:
    """The worker, its settings from the environment."""
    settings = load(IngestSettings)
    pending, ticks = settings.pending_seconds, settings.tick_seconds
    jobs = [
        Job("pending", partial(publish_pending, seconds=pending), min(pending / 4, 0.5)),
        Job("ticks", ticking(ticks), min(ticks / 10, 1.0)),
        Job("bulk", publish_bulk, 0.5),
        Job("archive", keep_archive, 60.0),
    ]
    return Worker("ingest", settings, Subscriptions(handlers=SUBSCRIPTIONS), jobs)
