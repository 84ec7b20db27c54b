"""Topics: as declared, applied as often as one likes, never shrunk."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from voc_cli import deployment
from voc_cli.deployment import Topic, TopicsFileError
from voc_cli.fleet import Fleet
from voc_cli.installation import Installation
from voc_common import bus
from voc_common.events import BULK_TYPES, EVENT_TYPES

Voc = Callable[..., subprocess.CompletedProcess[str]]


def test_the_file_declares_every_topic_that_the_events_name() -> None:
    declared = deployment.read_topics(deployment.topics_file())
    named = {k.TOPIC for k in EVENT_TYPES} | {f"{k.TOPIC}.bulk" for k in BULK_TYPES}
    assert declared.keys() == named


def test_defaults_hold_unless_a_topic_says_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "topics.yaml"
    file.write_text(
        "defaults: {segment.ms: 5, retention.ms: 1}\n"
        "topics: {voc.tenants: {partitions: 2, config: {retention.ms: 9}}}\n"
    )
    assert deployment.read_topics(file) == {
        "voc.tenants": Topic(2, {"segment.ms": 5, "retention.ms": 9})
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("topics: {voc.feedback: {partitions: 8}, voc.activity: {partitions: 4}}", "equal"),
        ("topics: {voc.feedback: {partition: 8}}", "unknown field"),
        ("topics: {voc.feedback: {}}", "missing required field `partitions`"),
        ("topics: [", "expected"),
    ],
)
def test_a_file_that_cannot_be_is_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "topics.yaml"
    file.write_text(text)
    with pytest.raises(TopicsFileError, match=why):
        deployment.read_topics(file)


def test_the_file_is_found_where_the_setting_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOC_TOPICS_FILE", str(tmp_path / "not there"))
    with pytest.raises(TopicsFileError, match="set VOC_TOPICS_FILE"):
        deployment.topics_file()


def test_applying_creates_then_grows_then_does_nothing(installed: Installation) -> None:
    place = installed
    name = "voc.test"
    assert deployment.apply_topics(place, {name: Topic(2)}) == [f"created {place.namespace}{name}"]
    assert deployment.apply_topics(place, {name: Topic(3)}) == [f"grew {place.namespace}{name}"]
    assert deployment.apply_topics(place, {name: Topic(1)}) == []
    there = asyncio.run(bus.partition_counts(place.kafka, place.namespace))
    assert there[name] == 3


def test_the_command_says_what_it_did(voc: Voc) -> None:
    done = voc("topics", "apply")
    assert done.returncode == 0
    assert done.stdout == "15 topics are as declared\n"


def test_a_lost_position_is_found_and_rewound(
    voc: Voc, lose_position: Callable[[str, str], None], fleet: Fleet
) -> None:
    lose_position("ingest", "voc.people")
    examined = voc("doctor")
    assert examined.returncode == 1
    assert (
        "ingest has lost its position in 1 partitions: voc.people/0 at 1000000" in examined.stdout
    )
    assert "voc topics rewind ingest" in examined.stdout

    assert voc("topics", "rewind", "ingest").returncode == 0
    (worker,) = fleet.start("ingest", "worker")
    fleet.wait_ready(90)

    refused = voc("topics", "rewind", "ingest")
    assert refused.returncode == 1
    assert "stop them first" in refused.stderr
    assert worker.running()


def test_rewinding_what_does_not_exist_is_refused(voc: Voc) -> None:
    done = voc("topics", "rewind", "nothing")
    assert done.returncode == 1
    assert "there is no service 'nothing'; there are ingest" in done.stderr
