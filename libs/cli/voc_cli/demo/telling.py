"""Streams the company's events through the front door."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from voc_cli.company import Company, is_activity, key_of, restamped
from voc_cli.company.truth import Key
from voc_cli.demo.client import Client

BATCH = 500
Told = Callable[[int], None]


def history(client: Client, company: Company, told: Told) -> dict[Key, str]:
    """Send eight weeks as history, one load per source, and complete the loads; returns the record ids."""
    loads = {
        source: client.post("ingest", "/v1/loads", {"source": source, "history": True})["load"]
        for source in sorted({e["source"] for e in company.history})
    }
    ids: dict[Key, str] = {}
    for events in _batches(company.history):
        ids |= _send(client, events, load=loads[events[0]["source"]])
        told(len(events))
    for load in loads.values():
        client.post("ingest", f"/v1/loads/{load}/complete")
    return ids


def live(client: Client, company: Company, told: Told) -> dict[Key, str]:
    """Send the live part one by one, each stamped with the moment of sending; returns the record ids."""
    ids: dict[Key, str] = {}
    for event in company.live:
        ids |= _send(client, [restamped(event, datetime.now(UTC))])
        told(1)
    return ids


def _batches(events: Iterable[dict[str, Any]]) -> Iterable[Sequence[dict[str, Any]]]:
    """Events in batches of one source and one door, in order of time within each."""
    waiting: dict[tuple[str, bool], list[dict[str, Any]]] = {}
    for event in events:
        place = (event["source"], is_activity(event))
        batch = waiting.setdefault(place, [])
        batch.append(event)
        if len(batch) == BATCH:
            yield waiting.pop(place)
    yield from waiting.values()


def _send(client: Client, events: Sequence[dict[str, Any]], **params: Any) -> dict[Key, str]:
    door = "/v1/activity/batch" if is_activity(events[0]) else "/v1/feedback/batch"
    answer = client.post("ingest", door, {"items": list(events)}, **params)
    refused = [r for r in answer["results"] if r["status"] not in ("accepted", "unchanged")]
    if refused:
        raise RuntimeError(f"{len(refused)} of {len(events)} were refused, the first: {refused[0]}")
    return {key_of(e): r["record_id"] for e, r in zip(events, answer["results"], strict=True)}
