"""The published language does not change what it said: golden events are read by everybody who consumes them."""

import importlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from voc_cli import services
from voc_common import wire
from voc_common.events import EVENT_TYPES, Tick

GOLDEN = Path(__file__).parent / "golden"
TYPES = {kind.__name__: kind for kind in (*EVENT_TYPES, Tick)}


@pytest.mark.parametrize("name", sorted(TYPES))
def test_a_golden_event_is_read_and_told_as_it_is(name: str) -> None:
    raw = (GOLDEN / f"{name}.json").read_bytes()
    event = wire.decode([("ce_type", f"voc.{name}".encode())], raw)
    assert type(event) is TYPES[name]
    assert msgspec.json.decode(msgspec.json.encode(event)) == msgspec.json.decode(raw)


def test_every_type_has_a_golden_event() -> None:
    assert {p.stem for p in GOLDEN.glob("*.json")} == set(TYPES)


@pytest.mark.parametrize("service", services.SERVICES)
def test_every_subscriber_reads_the_golden_events_that_it_consumes(service: str) -> None:
    consumed = services.consumed(service)
    assert consumed
    module: Any = importlib.import_module(services.module(service, "worker"))
    for kind in consumed:
        raw = (GOLDEN / f"{kind.__name__}.json").read_bytes()
        event = wire.decode([("ce_type", f"voc.{kind.__name__}".encode())], raw)
        assert isinstance(event, kind)
        assert callable(getattr(module.SUBSCRIPTIONS, "handlers", module.SUBSCRIPTIONS)[kind])
