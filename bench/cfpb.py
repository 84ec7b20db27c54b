"""Public complaints through the front door: a taxonomy of their own, a trained model, 6,623 rows, the scorecard.

    python bench/cfpb.py --data DIR [--report FILE]

DIR is the folder with complaints_sample.csv and cfpb_narratives_merged.csv. Starts a whole installation
(`VOC_HOME`), publishes a taxonomy made from the product and issue columns, trains it on four fifths of the
labelled narratives (split by Complaint ID; `cfpb_taxonomy.py` says which classes count, and all figures of
accuracy), loads the export as history, then loads it again, and shows what came of it.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from voc_cli import api, teaching, up
from voc_cli.demo import findings, showing
from voc_cli.demo.client import Client, until
from voc_cli.load import command
from voc_cli.load.mapping import find
from voc_taxonomy import models

sys.path.insert(0, str(Path(__file__).parent))

import cfpb_taxonomy

ZONE = "America/New_York"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--report", type=Path)
    args = parser.parse_args()
    console = Console()
    with up.stoppable(), up.running(console) as (place, fleet):
        tenant = f"cfpb-{time.strftime('%m%d-%H%M%S')}"
        addresses = {p.service: p.url for p in fleet.processes if p.role == "api"}
        api.ensure_tenant(tenant, ZONE, addresses["ingest"])
        client = Client(addresses, api.token(tenant, *api.all_scopes(tenant), minutes=600))
        report = run(console, client, args.data, place.home, fleet.tend)
        if args.report:
            args.report.write_bytes(msgspec.json.format(msgspec.json.encode(report)))


def run(console: Console, client: Client, data: Path, home: Path, tend: Any) -> dict[str, Any]:
    until(
        "the starter taxonomy",
        lambda: client.get("taxonomy", "/v1/taxonomies")["items"] or None,
        tend,
    )
    taught = teach(console, client, data, home)
    first = load(console, client, data, home)
    again = load(console, client, data, home)
    assert (
        first.counts.rows == first.counts.accepted + first.counts.unchanged + first.counts.rejected
    )
    assert again.counts.accepted == 0, "the same file again changes nothing"
    rows = first.counts.accepted

    def counted() -> dict[str, Any] | None:
        pages = [client.get("scorecard", "/v1/series", cell="all", metric="volume", grain="whole",
                            since="2011-11-01T00:00:00Z", until="2021-12-31T00:00:00Z")]  # fmt: skip
        volume = pages[0]["points"][0]["volume"]
        return volume if volume["records"] >= rows else None

    volume = until("every row on the scorecard", counted, tend)
    until(
        "the judgement of the history",
        lambda: client.get("scorecard", "/v1/hot-issues/watch")["judged_through"],
        tend,
    )
    card = client.get("scorecard", "/v1/scorecard", by="cause", window="365d", end="2020-03-31")
    showing.scorecard(console, card)
    issues, items = findings.issues(client), findings.items(client)
    showing.table(
        console, "Hot issues", ("issue", "state", "detected", "people", "expected"),
        [[i["title"], i["state"], i["detected_at"][:10], i["reach"]["people"], i["now"]["expected"]] for i in issues],
    )  # fmt: skip
    showing.items(console, items)
    return {
        "taught": taught,
        "first": msgspec.to_builtins(first.counts),
        "again": msgspec.to_builtins(again.counts),
        "counted": volume,
        "hot_issues": issues,
        "items": items,
        "scorecard": card,
    }


def teach(console: Console, client: Client, data: Path, home: Path) -> dict[str, Any]:
    """Publish the taxonomy, train on four fifths, say how good it is on the rest, and let it decide."""
    complaints = cfpb_taxonomy.read(data / "cfpb_narratives_merged.csv")
    cfpb_taxonomy.run(complaints, 1, None)
    classes = cfpb_taxonomy.Classes(complaints)
    url, token = client.addresses["taxonomy"], client.token
    published = teaching.publish(url, token, classes.taxonomy())
    taxonomy = msgspec.structs.replace(classes.taxonomy(), version=published["version"])
    place = cfpb_taxonomy.fold(complaints)
    learn = [c for c in complaints if place[c.id] != 0]
    model, raw = cfpb_taxonomy.fit(learn, classes, taxonomy)
    sequence = teaching.upload(url, token, models.save(raw, home / "models"))
    console.print(
        f"model {model.id} decides, as number {sequence}; taxonomy version {published['version']}"
    )
    return {"model": model.id, "learnt": len(learn), "taxonomy": published["version"]}


def load(console: Console, client: Client, data: Path, home: Path) -> command.Outcome:
    """`voc load complaints_sample.csv --mapping cfpb --history`."""
    outcome = command.run(
        command.Plan(
            file=data / "complaints_sample.csv",
            mapping=find("cfpb"),
            url=client.addresses["ingest"],
            token=client.token,
            history=True,
            rejects=home / "cfpb.rejects.jsonl",
            again=True,
        )
    )
    console.print(
        f"{outcome.rows} rows = {outcome.counts}, in {outcome.seconds:.1f} s", highlight=False
    )
    return outcome


if __name__ == "__main__":
    main()
