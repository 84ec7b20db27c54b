"""The load of the end-to-end benchmarks is what it is said to be."""

from collections import Counter, defaultdict
from math import sqrt
from typing import Any

from load import MIX, Load

PEOPLE, RECORDS = 500, 6_000


def told() -> list[tuple[str, ...]]:
    """Who each record tells of, by mail address: one, or two who turn out to be one."""
    load = Load(seed=7, people=PEOPLE, untold=PEOPLE, texts=[("", "", "")])
    found: list[tuple[str, ...]] = []
    for _ in range(RECORDS):
        names: Any = load.record()["identifiers"]
        found.append(tuple(n["value"] for n in names if n["type"] == "email"))
    return found


def test_who_is_known_has_told_something() -> None:
    """First a record of each; then as many are new as the mix says, give or take three standard deviations."""
    heard, news = set[str](), Counter[bool]()
    for at, said in enumerate(told()):
        if at >= PEOPLE:
            news[said[0] not in heard] += 1
        heard.update(said)
    share = news[True] / news.total()
    assert abs(share - MIX["new"]) < 3 * sqrt(MIX["new"] * (1 - MIX["new"]) / news.total())


def test_nobody_turns_out_to_be_more_than_one_other() -> None:
    """Drawn by chance, so many would tie people together by the hundred."""
    others: dict[str, set[str]] = defaultdict(set)
    for said in told():
        for one in said:
            others[one].update(set(said) - {one})
    met = Counter(map(len, others.values()))
    assert set(met) == {0, 1}
    assert met[1] > RECORDS * MIX["merge"] / 2
