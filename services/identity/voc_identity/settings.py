"""Settings of identity."""

from voc_common.settings import Settings


class IdentitySettings(Settings, frozen=True, kw_only=True):
    """`region` (in Settings) is the country whose phone numbers may come without a country code."""

    generic_names: int = 20
    """A value held under more distinct given names than this is generic and links nobody."""
