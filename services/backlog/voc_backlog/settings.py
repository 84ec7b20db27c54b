"""Settings of the backlog."""

from voc_common.settings import Settings


class BacklogSettings(Settings, frozen=True, kw_only=True):
    """Nothing beyond what every service needs; policy and weights are the tenant's, not the installation's."""
