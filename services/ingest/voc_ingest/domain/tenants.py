"""Settings of tenants and sources."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from voc_ingest.domain.items import Name, Stakeholder

IdentifierType = Literal["external", "email", "phone", "name", "account"]


class KnownSettings(Struct, frozen=True, gc=False):
    """What ingest itself reads of a tenant's settings; other services read theirs.

    `redact`: take card numbers and secrets out of texts. `rate`: items per second and api process (0: none
    but the installation's). `retention_days`: how long the archive keeps a revision (0: for good).
    """

    redact: bool = True
    rate: Annotated[float, Meta(ge=0)] = 0.0
    retention_days: Annotated[int, Meta(ge=0)] = 0


class TenantSettings(Struct, frozen=True, gc=False):
    """A tenant's settings, whole, as the event TenantConfigured tells them."""

    zone: str
    currency: str
    blocked: tuple[str, ...]
    settings: dict[str, Any]


class SourceSettings(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What a source's items have in common.

    `channel` and `stakeholder` stand where an item has none; `issuer` where an `external` or `account`
    identifier has none (default: the source's own name); identifiers of the types in `unverified` count
    as unverified unless the item says otherwise.
    """

    title: Name = ""
    channel: Name = ""
    stakeholder: Stakeholder = "customer"
    issuer: Name = ""
    unverified: tuple[IdentifierType, ...] = ()
