"""The demo from beginning to end."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from voc_cli import api, up
from voc_cli.company import ACTIVITIES, Company, company, is_activity
from voc_cli.demo import findings, merging, showing, spikes, telling
from voc_cli.demo.client import Client, until
from voc_cli.fleet import Fleet
from voc_cli.installation import Installation

SETTINGS = {"cost_per_contact": 6.0, "fallback_owner": "customer-experience"}


class Demo:
    """One run over one company in a tenant of its own."""

    def __init__(
        self, console: Console, fleet: Fleet, seed: int, events: int, began: float
    ) -> None:
        self.console = console
        self.fleet = fleet
        self.began = began
        self.company: Company = company(seed, datetime.now(UTC), events)
        stamp = datetime.now(UTC).strftime("%m%d-%H%M%S")
        self.tenant = f"{self.company.name.lower()}-{seed}-{stamp}"
        addresses = {p.service: p.url for p in fleet.processes if p.role == "api"}
        self.client = Client(
            addresses, api.token(self.tenant, *api.all_scopes(self.tenant), minutes=7 * 24 * 60)
        )
        self.report: dict[str, Any] = {"seed": seed, "tenant": self.tenant, "started_at": stamp}

    def tend(self) -> None:
        """Look after the processes while waiting."""
        for line in self.fleet.tend():
            self.console.print(line, style="yellow", highlight=False)

    def say(self, line: str) -> None:
        """A line of progress."""
        self.console.print(line, style="dim", highlight=False)

    def run(self) -> None:
        """Everything, in order; the report grows on the way."""
        self._configure()
        self._history()
        self._scorecard()
        found = self._hot_issues()
        self._backlog(found)
        self._merge(found)
        self._live()

    def _configure(self) -> None:
        told = self.company
        body = {"zone": told.zone, "currency": told.currency, "settings": SETTINGS}
        api.call(
            "PUT",
            f"{self.client.addresses['ingest']}/v1/tenants/{self.tenant}",
            api.operator_token(),
            body,
        )
        for source in sorted({e["source"] for e in (*told.history, *told.live)}):
            self.client.call("PUT", "ingest", f"/v1/sources/{source}", {"title": source})
        until("the starter taxonomy", self._taxonomy, self.tend, 60)

    def _taxonomy(self) -> bool | None:
        items = self.client.get("taxonomy", "/v1/taxonomies")["items"]
        return True if items else None

    def _history(self) -> None:
        told = self.company
        began = time.monotonic()
        with _bar(
            self.console, f"{told.name}, eight weeks of history", len(told.history)
        ) as advance:
            self.ids = telling.history(self.client, told, advance)
        until("the history in the scorecard", self._counted, self.tend)
        seconds = time.monotonic() - began
        self.report["history"] = {
            "events": len(told.history),
            "feedback": sum(not is_activity(e) for e in told.history),
            "seconds": round(seconds, 1),
            "events_per_second": round(len(told.history) / seconds),
        }
        self.say(
            f"{len(told.history):,} events accepted, attached, classified and counted in {seconds:.0f} s"
        )

    def _counted(self) -> bool | None:
        """True when the scorecard counts all feedback that was accepted so far."""
        expected = sum(k.kind not in ACTIVITIES for k in self.ids)
        card = self.client.get("scorecard", "/v1/scorecard", window="90d")
        return True if card["whole"]["volume"]["records"] >= expected else None

    def _scorecard(self) -> None:
        card = self.client.get("scorecard", "/v1/scorecard", by="cause", window="30d")
        showing.scorecard(self.console, card)
        whole = self.client.get("scorecard", "/v1/scorecard", by="cause", window="90d")
        unknown = next((c for c in whole["cells"] if c["value"] == "unknown"), None)
        share = (
            unknown["volume"]["records"] / whole["whole"]["volume"]["records"] if unknown else 0.0
        )
        seconds = time.monotonic() - self.began
        self.report["scorecard"] = {
            "whole": card["whole"],
            "cells": card["cells"],
            "unknown_share": round(share, 3),
            "seconds_to_first": round(seconds, 1),
        }
        self.say(f"{share:.0%} of the feedback is unknown; first scorecard after {seconds:.0f} s")

    def _hot_issues(self) -> list[dict[str, Any]]:
        def judged() -> bool | None:
            watch = self.client.get("scorecard", "/v1/hot-issues/watch")
            if not watch["current"] or watch["judged_through"] is None:
                return None
            behind = self.company.now - datetime.fromisoformat(watch["judged_through"])
            return True if behind.total_seconds() < 1200 else None

        with self.console.status("judging eight weeks without hindsight"):
            until("the judgement of the history", judged, self.tend)
        found = findings.issues(self.client)
        result = findings.against_truth(self.company, findings.of_issues(found))
        plain = findings.against_truth(self.company, spikes.findings(self.client, self.company))
        showing.truth(self.console, result, plain)
        showing.issues(self.console, result, found)
        self.report["hot_issues"] = result | {"issues": found, "spike_rule": plain}
        return found

    def _backlog(self, found: list[dict[str, Any]]) -> None:
        serious = [i["issue"] for i in found]

        def filed() -> list[dict[str, Any]] | None:
            items = findings.items(self.client)
            return items if items or not serious else None

        items = until("the items", filed, self.tend, 60)
        showing.items(self.console, items)
        self.report["items"] = items

    def _merge(self, found: list[dict[str, Any]]) -> None:
        case = self.company.truth.wrong_merge
        outbreak = next(o for o in self.company.truth.outbreaks if o.name == case.outbreak)
        issues = findings.of(outbreak, findings.of_issues(found))
        tickets = [self.ids[key] for key in case.records if key in outbreak.records]
        missed = merging.correct(self.client, tickets, outbreak.cause, self.tend)
        if missed:
            self.say(
                f"an agent corrected {missed} of {len(tickets)} tickets of two customers: {outbreak.cause}"
            )
        result = merging.wrong_merge(
            self.client, self.company, issues[0].name if issues else None, self.tend, self.say
        )
        showing.merge(self.console, result)
        self.report["merge"] = result | {"corrected_before": missed}

    def _live(self) -> None:
        told = self.company
        began = time.monotonic()
        with _bar(self.console, "live, one by one", len(told.live)) as advance:
            self.ids |= telling.live(self.client, told, advance)
        sent = time.monotonic()
        until("the live part in the scorecard", self._counted, self.tend, 120)
        visible = time.monotonic() - sent
        self.report["live"] = {
            "events": len(told.live),
            "seconds": round(sent - began, 1),
            "visible_after_last_seconds": round(visible, 2),
        }
        self.say(
            f"{len(told.live)} live events; the last was visible {visible:.2f} s after it was accepted"
        )


@contextmanager
def _bar(console: Console, title: str, total: int) -> Generator[telling.Told]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=total)
        yield lambda count: progress.advance(task, count)


def run(
    console: Console, *, seed: int, events: int, leave: bool, report: Path | None, began: float
) -> None:
    """Start everything, tell the story, show what came of it, and stay up unless `leave`."""
    with up.running(console) as (place, fleet):
        demo = Demo(console, fleet, seed, events, began)
        demo.run()
        demo.report["memory_mb"] = memory(place, fleet)
        console.print(f"\nmemory of the whole: {demo.report['memory_mb']['all']:,} MB")
        if report is not None:
            report.write_bytes(msgspec.json.format(msgspec.json.encode(demo.report), indent=2))
            console.print(f"every figure is in {report}")
        if leave:
            return
        console.print()
        up.show(place, fleet, console)
        console.print(f"\nthe tenant {demo.tenant}, for a week, to paste into other terminals:")
        for line in up.exports(fleet, demo.client.token):
            console.print(line, soft_wrap=True, highlight=False)
        console.print("\nCtrl-C stops all.", style="dim")
        up.tend(fleet, console)


def memory(place: Installation, fleet: Fleet) -> dict[str, int]:
    """Resident memory in MB without counting shared pages twice (PSS), of every process of the installation."""
    found: dict[str, int] = {}
    for process in fleet.processes:
        found[process.name] = _pss(process.pid)
    for name, folder in (("postgres", place.home / "postgres"), ("kafka", place.home / "kafka")):
        found[name] = _pss_below(folder)
    found["all"] = sum(found.values())
    return found


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(x.split()[1]) // 1024 for x in lines if x.startswith("Pss:")), 0)


def _pss_below(folder: Path) -> int:
    """Memory of all processes whose command line or folder lies in a server's folder, and of their children."""
    total = 0
    wanted = str(folder.resolve())
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            where = str((entry / "cwd").resolve())
        except OSError:
            continue
        if wanted in line or where.startswith(wanted) or _real_data(folder) in where:
            total += _pss(int(entry.name))
    return total


def _real_data(folder: Path) -> str:
    data = folder / "data"
    return str(data.resolve()) if data.exists() else str(folder.resolve())
