"""What a tenant's items are judged by: policy and weights from its settings, its taxonomy, its routes."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from voc_common.events import CauseNode

Share = Annotated[float, Meta(ge=0, le=1)]
Money = Annotated[float, Meta(ge=0, le=1e12)]
Days = Annotated[float, Meta(gt=0, le=3650)]
Owner = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f]+$")]


class Policy(Struct, frozen=True, kw_only=True):
    """What the tenant's settings say, by the same names; the values here stand where they are silent.

    `file_p_real`, `file_people`: an issue that ever reached both is filed. One that reached `detect_p_real`
    and the people waits as `detected` for a person's word. `reopen_days`: an outbreak within so
    many days of the closing reopens the item; `settle_days`: so does an earlier one that has not ceased
    so many days after it. `least_days`, `most_days`: bounds of how long an outbreak
    is expected to last. Money is in the tenant's currency; `mean_revenue` stands where no revenue of the
    touched accounts is known; `cost_per_contact` is the median of live channels (Gartner 2019, in USD).
    """

    file_p_real: Annotated[float, Meta(ge=0, le=2)] = 0.5
    detect_p_real: Share = 0.5
    file_people: Annotated[int, Meta(ge=1, le=1_000_000)] = 3
    reopen_days: Days = 60.0
    settle_days: Days = 3.0
    cost_per_contact: Money = 8.0
    mean_revenue: Money = 0.0
    margin: Share = 0.7
    churn_uplift: Share = 0.02
    effort_days: Days = 5.0
    least_days: Days = 7.0
    most_days: Days = 90.0
    fallback_owner: Owner = "customer-experience"
    stage_owners: Annotated[dict[str, Owner], Meta(max_length=500)] = {}


class Route(Struct, frozen=True, kw_only=True):
    """Who owns what is about this cause (and those below it), stage and product; empty means any."""

    owner: str
    cause: str = ""
    stage: str = ""
    product: str = ""


class Ground(Struct, frozen=True, kw_only=True):
    """All that a tenant's items are judged by, and the versions it was told in.

    `stated` are the settings of `policy` that the tenant gave; `ignored` those that do not fit, and why.
    """

    tenant: str
    generation: int = 1
    currency: str = "EUR"
    settings_version: int = 0
    policy: Policy = Policy()
    stated: frozenset[str] = frozenset()
    ignored: Mapping[str, str] = {}
    taxonomy_version: int = 0
    nodes: Mapping[str, CauseNode] = {}
    routes_version: int = 0
    routes: tuple[Route, ...] = ()


def read_policy(settings: Mapping[str, Any]) -> tuple[Policy, frozenset[str], dict[str, str]]:
    """Policy, the settings that were stated, and those ignored with the reason.

    Settings are shared by all services and come by event: one that does not fit must not hold up the others.
    """
    stated: dict[str, Any] = {}
    ignored: dict[str, str] = {}
    for name in Policy.__struct_fields__:
        if name in settings:
            try:
                msgspec.convert({name: settings[name]}, Policy)
                stated[name] = settings[name]
            except msgspec.ValidationError as error:
                ignored[name] = str(error)
    return msgspec.convert(stated, Policy), frozenset(stated), ignored
