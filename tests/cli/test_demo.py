"""What the demo says of findings, and the plain rule it is held against."""

from datetime import UTC, datetime, timedelta

import pytest
from voc_cli.company import Company, company
from voc_cli.demo.findings import Finding, against_truth
from voc_cli.demo.spikes import spikes

HOUR = timedelta(hours=1)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
QUIET = [1] * 24 * 28
WARM = 14 * 24


@pytest.fixture(scope="module")
def made() -> Company:
    return company(3, NOW, 2_000)


def test_the_earliest_finding_of_the_cause_while_it_runs_counts(made: Company) -> None:
    first, second = made.truth.outbreaks
    said = [
        Finding(first.cause, first.onset + 20 * HOUR, "later"),
        Finding(first.cause, first.onset + 5 * HOUR, "earlier"),
        Finding(second.cause, second.onset - HOUR, "before there was anything"),
        Finding("no-such-cause", first.onset + HOUR, "elsewhere"),
    ]
    result = against_truth(made, said)
    by_name = {o["name"]: o for o in result["outbreaks"]}
    assert by_name[first.name]["issue"] == "earlier"
    assert by_name[first.name]["delay_hours"] == 5
    assert by_name[second.name]["issue"] is None
    assert result["found_within_48_h"] == 1
    assert {f["issue"] for f in result["false"]} == {"before there was anything", "elsewhere"}


def test_a_late_finding_is_found_but_not_in_time(made: Company) -> None:
    slow = max(made.truth.outbreaks, key=lambda o: o.end - o.onset)
    result = against_truth(made, [Finding(slow.cause, slow.onset + 49 * HOUR, "late")])
    assert (result["found"], result["found_within_48_h"], result["false"]) == (1, 0, [])


def test_a_steady_cause_never_spikes() -> None:
    assert list(spikes(QUIET, WARM)) == []


def test_a_spike_is_told_once_while_it_lasts_and_again_after_a_quiet_day() -> None:
    people = list(QUIET)
    for begin in (15 * 24, 25 * 24):
        people[begin : begin + 12] = [9] * 12
    told = list(spikes(people, WARM))
    # 24 hours hold more than 72 people from the seventh hour of nine on: 18 + 6 * 9 = 72 is not more.
    assert told == [15 * 24 + 7, 25 * 24 + 7]


def test_few_people_are_no_spike_however_unusual() -> None:
    people = [0] * 24 * 21
    people[16 * 24 : 16 * 24 + 9] = [1] * 9
    assert list(spikes(people, WARM)) == []
    people[16 * 24 + 9] = 1
    assert list(spikes(people, WARM)) == [16 * 24 + 10]
