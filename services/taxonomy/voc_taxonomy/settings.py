"""Settings of taxonomy."""

from voc_common.settings import Settings


class TaxonomySettings(Settings, frozen=True, kw_only=True):
    """What taxonomy needs beyond every service."""

    models_cached: int = 8
    """Models kept in memory; tenants that share a model share its place."""
