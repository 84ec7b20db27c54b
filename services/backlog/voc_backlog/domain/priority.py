"""What waiting costs per day of work, term by term.

    priority = P(real) x cost of delay per day x min(days it would last, most) / effort-days
    cost of delay per day = excess contacts x cost per contact
                          + newly exposed accounts x mean revenue x margin x churn uplift

WSJF's cost of delay over job size (Reinertsen 2009), in money and with the odds that the problem is there.
NPS is shown and not added: it would count churn twice.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from voc_backlog.domain.ground import Ground
from voc_backlog.domain.issues import Issue
from voc_backlog.domain.items import Item, Term

FORMULA = (
    "p_real x (excess_contacts_per_day x cost_per_contact"
    " + new_accounts_per_day x mean_revenue x margin x churn_uplift) x days / effort_days"
)
_DAY = 86_400_000_000
_ABSURD = 1e12


class Priority(Struct, frozen=True, gc=False):
    """The value (money saved per effort-day; rounded to cents) and the terms that make it."""

    value: float
    terms: tuple[Term, ...]
    nps: float | None


def number(evidence: Mapping[str, Any], name: str, least: float = 0.0) -> float | None:
    """A number of the evidence if it is one: evidence is data, and may be absent or nonsense."""
    found = evidence.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    sane = math.isfinite(found) and least <= found <= _ABSURD
    return float(found) if sane else None


def lead_of(issues: Sequence[Issue]) -> Issue | None:
    """The issue that speaks for an item: of those that are not over, else of all, the one of most real people.

    One that was withdrawn has nothing to say.
    """
    return max(
        (i for i in issues if not i.withdrawn),
        key=lambda i: (not i.over, i.p_real * i.people, i.detected_at, i.issue),
        default=None,
    )


def priority(item: Item, lead: Issue | None, ground: Ground) -> Priority:
    """Rank of an item by its leading issue, what people told, and the tenant's weights."""
    seen = _Seen(item, lead, ground)
    p_real = seen.p_real()
    excess = seen.excess()
    cost = seen.weight("cost_per_contact", f"{ground.currency} per contact")
    accounts = seen.accounts()
    revenue = seen.revenue()
    margin = seen.weight("margin", "share of revenue")
    uplift = seen.weight("churn_uplift", "share of accounts lost")
    lost = _times(accounts, revenue, margin, uplift)
    delay = Term(
        "cost_of_delay_per_day",
        round(_times(excess, cost) + lost, 4),
        f"{ground.currency} per day",
        "sum of the terms above",
    )
    days = seen.days()
    effort = seen.effort()
    value = _times(p_real, delay, days) / (effort.value or 1.0)
    terms = (p_real, excess, cost, accounts, revenue, margin, uplift, delay, days, effort)
    return Priority(round(value, 2), terms, seen.nps())


def _times(*terms: Term) -> float:
    return math.prod(t.value or 0.0 for t in terms)


class _Seen:
    """The sources of the terms, the nearest first: the leading issue, people, the tenant's settings."""

    def __init__(self, item: Item, lead: Issue | None, ground: Ground) -> None:
        self._item = item
        self._lead = lead
        self._ground = ground

    def _evidence(self, name: str) -> tuple[float | None, str]:
        if self._lead is not None:
            found = number(self._lead.evidence, name)
            if found is not None:
                return found, f"hot issue {self._lead.issue}"
        if name in self._item.told:
            return self._item.told[name], "told by a person"
        return None, "unknown"

    def _lasted(self) -> float:
        """Days from the onset until it was last seen, at least one."""
        if self._lead is None:
            return 1.0
        return max((self._lead.seen_at - self._lead.onset) / _DAY, 1.0)

    def weight(self, name: str, unit: str) -> Term:
        return Term(name, getattr(self._ground.policy, name), unit, self._setting(name))

    def _setting(self, name: str) -> str:
        stated = name in self._ground.stated
        return f"settings, version {self._ground.settings_version}" if stated else "default"

    def p_real(self) -> Term:
        # A doubtful issue that joins must not weaken a person's word.
        if self._item.flags:
            return Term("p_real", 1.0, "probability", "flagged by a person")
        if self._lead is None:
            return Term("p_real", 0.0, "probability", "no hot issue stands")
        return Term("p_real", self._lead.p_real, "probability", f"hot issue {self._lead.issue}")

    def excess(self) -> Term:
        value, source = self._evidence("excess_per_day")
        if value is None and self._lead is not None:
            above = max(self._lead.people - self._lead.expected, 0.0)
            value = round(above / self._lasted(), 4)
            source = f"hot issue {self._lead.issue}: people above expectation since its onset"
        return Term("excess_contacts_per_day", value, "contacts per day", source)

    def accounts(self) -> Term:
        value, source = self._evidence("accounts")
        if value is not None:
            value = round(value / self._lasted(), 4)
        return Term("new_accounts_per_day", value, "accounts per day", source)

    def revenue(self) -> Term:
        unit = f"{self._ground.currency} per account"
        total, source = self._evidence("revenue")
        accounts, _ = self._evidence("accounts")
        share, _ = self._evidence("revenue_known_share")
        known = (accounts or 0.0) * (1.0 if share is None else min(share, 1.0))
        if total is not None and known * _ABSURD >= total and known > 0:
            return Term("mean_revenue", round(total / known, 4), unit, source)
        if "mean_revenue" in self._ground.stated:
            return self.weight("mean_revenue", unit)
        return Term("mean_revenue", None, unit, "unknown")

    def days(self) -> Term:
        """How long it would go on: as long again as it has lasted (Gott 1993), within the policy's bounds."""
        policy = self._ground.policy
        value, source = self._evidence("days_left")
        if value is None:
            value, source = self._lasted(), "as long again as it has lasted"
        bounded = min(max(value, policy.least_days), policy.most_days)
        if bounded != value:
            name = "least_days" if bounded > value else "most_days"
            source = f"{source}, bounded by {name}: {self._setting(name)}"
        return Term("days", round(bounded, 4), "days", source)

    def effort(self) -> Term:
        if self._item.effort:
            return Term("effort_days", self._item.effort, "days", "estimated by a person")
        return Term(
            "effort_days", self._ground.policy.effort_days, "days", self._setting("effort_days")
        )

    def nps(self) -> float | None:
        if self._lead is None:
            return None
        found = number(self._lead.evidence, "nps", least=-100.0)
        return found if found is None or found <= 100 else None
