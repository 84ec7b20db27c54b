"""Settings of the scorecard service."""

from voc_common.settings import Settings


class ScorecardSettings(Settings, frozen=True, kw_only=True):
    """Nothing beyond what every service needs, so far."""
