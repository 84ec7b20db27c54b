"""The rule a dashboard would have, read off the same scorecard, to hold the hot issues against.

A cause spikes when its people of the last 24 hours are at least 10 and more than three times the mean day of
the seven days before, looked at every hour; it is told again only after a day without.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from voc_cli.company import Company
from voc_cli.demo.client import Client
from voc_cli.demo.findings import Finding

LEAST_PEOPLE = 10
FACTOR = 3
WARM_UP = timedelta(weeks=2)
"""As long as the detector learns the usual, the rule is silent too."""


def findings(client: Client, company: Company) -> list[Finding]:
    """What the rule says of every cause that the scorecard knows."""
    card = client.get("scorecard", "/v1/scorecard", by="cause", window="90d")
    start = company.start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    warm = WARM_UP // timedelta(hours=1)
    said: list[Finding] = []
    for cell in card["cells"]:
        people = _by_hour(client, cell["cell"], start, company.now)
        for hour in spikes(people, warm):
            at = start + timedelta(hours=hour)
            said.append(Finding(cell["value"], at, f"{cell['cell']} {at:%d %b %H:%M}"))
    return said


def spikes(people: Sequence[int], warm: int) -> Iterator[int]:
    """Hours at whose begin a spike is told, from hour `warm` on; `people` by hour."""
    sums = [0, *accumulate(people)]
    last = -24
    for hour in range(max(warm, 8 * 24), len(people) + 1):
        day = sums[hour] - sums[hour - 24]
        usual = (sums[hour - 24] - sums[hour - 8 * 24]) / 7
        if day >= LEAST_PEOPLE and day > FACTOR * usual:
            if hour - last > 24:
                yield hour
            last = hour


def _by_hour(client: Client, cell: str, start: datetime, end: datetime) -> list[int]:
    people = [0] * ((end - start) // timedelta(hours=1) + 1)
    since, until = start.isoformat(), end.isoformat()
    told = client.get("scorecard", "/v1/series", cell=cell, grain="hour", since=since, until=until)
    for point in told["points"]:
        hour = (datetime.fromisoformat(point["since"]) - start) // timedelta(hours=1)
        volume = point["volume"]
        people[hour] += volume["people"] + volume["without_person"]
    return people
