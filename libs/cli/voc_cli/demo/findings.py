"""What voc found, held against what the company knows to be true."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from voc_cli.company import Company, Outbreak
from voc_cli.demo.client import Client

STATES = ("new", "escalating", "ongoing", "regressed", "resolved")
GRACE = timedelta(days=3)
"""After the end of an outbreak its cause may stay hot for so long."""


def issues(client: Client) -> list[dict[str, Any]]:
    """All hot issues but withdrawn ones, the earliest detected first."""
    page = client.get("scorecard", "/v1/hot-issues", state=list(STATES), least_people=0, limit=200)
    return sorted(page["items"], key=lambda i: (i["detected_at"], i["issue"]))


@dataclass(frozen=True, slots=True)
class Finding:
    """Somebody says that a cause runs hot since `at`; `name` is how to find it again."""

    cause: str
    at: datetime
    name: str


def of_issues(found: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """What hot issues say."""
    return [
        Finding(i["scope"].get("cause", ""), datetime.fromisoformat(i["detected_at"]), i["issue"])
        for i in found
    ]


def of(outbreak: Outbreak, said: Iterable[Finding]) -> list[Finding]:
    """The findings of an outbreak: they name its cause while it runs, the earliest first."""
    meant = (
        f
        for f in said
        if f.cause == outbreak.cause and outbreak.onset <= f.at <= outbreak.end + GRACE
    )
    return sorted(meant, key=lambda f: f.at)


def against_truth(company: Company, said: Sequence[Finding]) -> dict[str, Any]:
    """For each outbreak whether and how late it was found, and the findings that answer to none."""
    outbreaks: list[dict[str, Any]] = []
    true: set[Finding] = set()
    for outbreak in company.truth.outbreaks:
        its = of(outbreak, said)
        true |= set(its)
        delay = (its[0].at - outbreak.onset) / timedelta(hours=1) if its else None
        outbreaks.append(
            {
                "name": outbreak.name,
                "cause": outbreak.cause,
                "shape": outbreak.shape,
                "segment": outbreak.segment,
                "product": outbreak.product,
                "onset": outbreak.onset.isoformat(),
                "records": len(outbreak.records),
                "issue": its[0].name if its else None,
                "delay_hours": None if delay is None else round(delay, 1),
            }
        )
    false = [f for f in said if f not in true]
    weeks = (company.now - company.start) / timedelta(weeks=1)
    return {
        "outbreaks": outbreaks,
        "found": sum(o["issue"] is not None for o in outbreaks),
        "found_within_48_h": sum(
            o["delay_hours"] is not None and o["delay_hours"] <= 48 for o in outbreaks
        ),
        "false": [
            {"issue": f.name, "cause": f.cause, "detected_at": f.at.isoformat()} for f in false
        ],
        "false_per_week": round(len(false) / weeks, 2),
    }


def items(client: Client) -> list[dict[str, Any]]:
    """The backlog, highest priority first."""
    return client.get("backlog", "/v1/items", limit=50)["items"]


def numbers(client: Client, issue: str | None, window: str = "90d") -> dict[str, Any]:
    """The numbers that a wrong merge moves."""
    card = client.get("scorecard", "/v1/scorecard", by="cause", window=window)
    whole = card["whole"]
    none = {"n": 0, "promoters": 0, "detractors": 0, "value": None}
    score = max(whole["scores"], key=lambda s: s["n"], default=none)
    shown: dict[str, Any] = {
        "records": whole["volume"]["records"],
        "people": whole["volume"]["people"] + whole["volume"]["without_person"],
        "answers": score["n"],
        "promoters": score["promoters"],
        "detractors": score["detractors"],
        "nps": score["value"],
    }
    if issue is not None:
        found = client.get("scorecard", f"/v1/hot-issues/{issue}")
        shown["issue people"] = found["reach"]["people"]
    return shown
