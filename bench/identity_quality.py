"""How well, and at what cost, the deterministic rules of identity find people.

    python bench/identity_quality.py [--data FOLDER]

Quality: pairwise precision, recall and F1 on fake_1000 (1,000 records of 251 people; names, and mail
addresses of which many are misspelt or missing), with and without the guards. The only evidence that the
deterministic rules can use there is an equal mail address, so `ceiling` shows what rules without any
error could find with it. Cost: process time of synthetic components; the best of several runs.
"""

import argparse
import csv
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from hashlib import blake2b
from itertools import combinations
from pathlib import Path

from voc_common.events import Identifier
from voc_identity.domain.cluster import cluster
from voc_identity.domain.evidence import evidence
from voc_identity.domain.names import compatible
from voc_identity.domain.normalise import key_rules, normalise
from voc_identity.domain.records import Record, Rules

KEY_RULES = key_rules(b"the secret of a benchmark", "DE")
RULE_SETS = {
    "guarded": Rules(),
    "no name guard": Rules(names=False),
    "no guard at all": Rules(generic_names=10**9, generic_ids=10**9, names=False, ids=False),
}
Pairs = set[tuple[str, str]]


def record(number: int, *told: Identifier) -> Record:
    record_id = f"{number:010x}" + blake2b(str(number).encode(), digest_size=11).hexdigest()
    return normalise([t for t in told if t.value.strip(", ")], KEY_RULES).record(record_id)


def pairs(sets: Iterable[Iterable[str]]) -> Pairs:
    return {pair for members in sets for pair in combinations(sorted(members), 2)}


def quality(path: Path) -> None:
    with path.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    records: list[Record] = []
    people: dict[str, list[str]] = defaultdict(list)
    mailboxes: dict[bytes, list[str]] = defaultdict(list)
    for number, row in enumerate(rows):
        name = f"{row['surname']}, {row['first_name']}" if row["surname"] else row["first_name"]
        records.append(record(number, Identifier("name", name), Identifier("email", row["email"])))
        people[row["cluster"]].append(records[-1].record_id)
        for key in records[-1].keys:
            mailboxes[key.hash].append(records[-1].record_id)
    truth = pairs(people.values())
    print(f"{path.name}: {len(records)} records, {len(people)} people, {len(truth)} true pairs\n")
    print(f"{'rules':<18}{'precision':>10}{'recall':>8}{'F1':>7}{'persons':>9}{'households':>12}")
    for name, rules in RULE_SETS.items():
        partition = cluster(records, (), rules)
        found = pairs(person.members for person in partition.persons)
        shared = len(evidence(records, partition).relations)
        row_of(name, found, truth, f"{len(partition.persons):>9}{shared:>12}")
    # Everybody is found whose records are connected by equal mail addresses, and nobody else.
    perfect = cluster(records, (), RULE_SETS["no guard at all"])
    row_of("ceiling", pairs(p.members for p in perfect.persons) & truth, truth)


def row_of(name: str, found: Pairs, truth: Pairs, rest: str = "") -> None:
    right = len(found & truth)
    precision, recall = right / max(1, len(found)), right / max(1, len(truth))
    f1 = 2 * precision * recall / max(1e-9, precision + recall)
    print(f"{name:<18}{precision:>10.3f}{recall:>8.3f}{f1:>7.3f}{rest}")


def best(action: Callable[[], object], runs: int) -> float:
    """Microseconds of the quickest of `runs`."""
    least = float("inf")
    for _ in range(runs):
        start = time.process_time_ns()
        action()
        least = min(least, time.process_time_ns() - start)
    return least / 1000


def person(number: int, name: str, mail: str = "", phone: str = "", crm: str = "") -> Record:
    return record(
        number,
        Identifier("name", name),
        Identifier("email", mail),
        Identifier("phone", phone),
        Identifier("external", crm, "crm"),
    )


def cost() -> None:
    mail = "familie.berg@web.de"
    family = ["Anna Berg", "Paul Berg", "Lotte Berg", "Ute Berg", ""]
    given = "Anna Paul Lotte Ute Olaf Nele Timo Carl Eva Max Rosa Ines Uwe Kurt Ida Jens Lars Nina Otto Vera"
    surnames = [f"{a}{b}ren" for a in "BDFGHKLMNPRSTVW" for b in ("a", "e", "i", "o", "u")]
    components = {
        "one record": [person(0, "Anna Berg", mail)],
        "a pair": [person(n, "Anna Berg", mail) for n in range(2)],
        "5 records of one person": [
            person(n, ("Anna Berg", "A. Berg", "")[n % 3], mail, crm="7") for n in range(5)
        ],
        "a family, 8 records": [person(n, family[n % 5], mail) for n in range(8)],
        "one person, 1,000 records": [person(n, "Anna Berg", mail, crm="7") for n in range(1000)],
        "a family, 1,000 records": [person(n, family[n % 5], mail) for n in range(1000)],
        "a family, 1,000 records and phones": [
            person(n, family[n % 5], mail, f"030 231{n:05}") for n in range(1000)
        ],
        "20 ids, 1,000 records without a name": [
            person(n, "", mail, f"030 231{n:05}", str(1 + n % 20)) for n in range(1000)
        ],
        "20 x 50 names on one mailbox (worst)": [
            person(n, f"{given.split()[n % 20]} {surnames[n // 20]}", mail) for n in range(1000)
        ],
    }
    told = [
        Identifier("name", "Anna Berg"),
        Identifier("email", mail),
        Identifier("phone", "030 23125001"),
        Identifier("external", "7", "crm"),
    ]
    normalise(told, KEY_RULES)
    print(f"\n{'cost, process time':<42}{'us':>10}")
    print(
        f"{'normalise 4 identifiers seen before':<42}{best(lambda: normalise(told, KEY_RULES), 500):>10.1f}"
    )
    for name, records in components.items():
        compatible.cache_clear()
        cold = best(lambda some=records: cluster(some), 1)
        warm = best(lambda some=records: cluster(some), 5 if len(records) > 10 else 500)
        print(f"{name:<42}{warm:>10.1f}  (names never compared before: {cold:.1f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("VOC_DATA", str(Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument(
        "--data", type=Path, default=Path(default), help="the data folder ($VOC_DATA)"
    )
    path = parser.parse_args().data / "identity" / "fake_1000" / "fake_1000.csv"
    if path.exists():
        quality(path)
    else:
        print(f"skipped: there is no {path}", file=sys.stderr)
    cost()


if __name__ == "__main__":
    main()
