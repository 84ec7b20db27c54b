"""Settings of the ingest service."""

from voc_common.settings import Settings


class IngestSettings(Settings, frozen=True, kw_only=True):
    """Limits at the door and rhythms of the worker; times in seconds, sizes in bytes.

    `rate_events` is how many items a tenant may send per second to one api process, unless the tenant's
    own setting `rate` says otherwise. `inflight_bytes` bounds the bodies being worked on, `unsent_bytes`
    what waits in memory for the bus (what does not fit is published by the worker from the archive).
    """

    rate_events: float = 20_000.0
    inflight_bytes: int = 64 * 1024 * 1024
    unsent_bytes: int = 64 * 1024 * 1024
    gather_ms: float = 3.0
    tenant_seconds: float = 3.0
    store_seconds: float = 15.0
    pending_seconds: float = 2.0
    tick_seconds: float = 10.0
