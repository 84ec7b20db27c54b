"""A wrong merge: made, seen in the numbers, undone, and held against a rebuild from the archive."""

from collections.abc import Callable, Sequence
from typing import Any

from voc_cli.company import Company
from voc_cli.demo import findings
from voc_cli.demo.client import Client, TooLate, until

Numbers = dict[str, Any]
Tend = Callable[[], None]


def wrong_merge(
    client: Client, company: Company, issue: str | None, tend: Tend, say: Callable[[str], None]
) -> dict[str, Any]:
    """Merge two customers who are not one, undo it, rebuild; returns the numbers at each step."""
    case = company.truth.wrong_merge
    before = findings.numbers(client, issue)
    persons = [_person(client, i) for i in (case.keep_identifier, case.other_identifier)]
    say(f"merging two customers named {case.name} of account {case.account}")
    said = client.post(
        "identity", "/v1/merges", {"persons": persons, "reason": "same name, same firm"}
    )
    merged = _changed(client, issue, before, tend)
    say(f"undoing merge {said['edge']}")
    client.call("DELETE", "identity", f"/v1/edges/{said['edge']}")
    undone = _equal(client, issue, before, tend)
    say("rebuilding every number from the archive")
    client.post("scorecard", "/v1/rebuild")
    replay = client.post("ingest", "/v1/replays", {})["replay"]
    until(
        "the replay",
        lambda: client.get("ingest", f"/v1/replays/{replay}")["state"] == "done" or None,
        tend,
    )
    rebuilt = _equal(client, issue, before, tend)
    return {"before": before, "merged": merged, "undone": undone, "rebuilt": rebuilt}


def correct(client: Client, records: Sequence[str], cause: str, tend: Tend) -> int:
    """Say as a person what tickets are about where the model did not; returns how many it did not know.

    The scorecard counts them when this returns.
    """
    missed = [
        record
        for record in records
        if cause
        not in (
            c["id"] for c in client.get("taxonomy", f"/v1/records/{record}")["decision"]["causes"]
        )
    ]
    before = _told(client, cause)
    for record in missed:
        client.post("taxonomy", f"/v1/records/{record}/corrections", {"causes": [cause]})

    def counted() -> bool | None:
        return (_told(client, cause) == before + len(missed) and current(client)) or None

    until("the corrections on the scorecard", counted, tend, 120)
    return len(missed)


def _told(client: Client, cause: str) -> int:
    """Records of a cause."""
    card = client.get("scorecard", "/v1/scorecard", by="cause", window="90d")
    return sum(c["volume"]["records"] for c in card["cells"] if c["value"] == cause)


def _person(client: Client, identifier: dict[str, str]) -> str:
    found = client.get("identity", "/v1/persons", **identifier)["items"]
    if not found:
        raise LookupError(f"nobody has the {identifier['type']} {identifier['value']}")
    return found[0]["person"]


def current(client: Client) -> bool:
    """Whether nothing that was judged has changed since."""
    return client.get("scorecard", "/v1/hot-issues/watch")["current"]


def _changed(client: Client, issue: str | None, before: Numbers, tend: Tend) -> Numbers:
    moving = ("people", "answers", *(("issue people",) if issue else ()))

    def look() -> Numbers | None:
        now = findings.numbers(client, issue)
        return now if all(now[k] != before[k] for k in moving) and current(client) else None

    try:
        return until("the merge in every number", look, tend, 120)
    except TooLate as late:
        raise TooLate(f"{late}: from {before} to {findings.numbers(client, issue)}") from late


def _equal(client: Client, issue: str | None, before: Numbers, tend: Tend) -> Numbers:
    def look() -> Numbers | None:
        now = findings.numbers(client, issue)
        return now if now == before and current(client) else None

    return until("the numbers as they were", look, tend, 300)
