"""docs/operating.md lists every setting of every service with its default, and every metric by its name."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec import NODEFAULT
from msgspec.structs import FieldInfo, fields
from prometheus_client import REGISTRY
from voc_cli import services
from voc_common import telemetry
from voc_common.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operating.md").read_text()
ROWS = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]*) \|", PAGE, re.MULTILINE))
UNPREFIXED = {"database_url", "kafka_bootstrap_servers"}


def kinds() -> list[type[Settings]]:
    found: list[Any] = [
        getattr(importlib.import_module(f"voc_{s}.settings"), f"{s.title()}Settings")
        for s in services.SERVICES
    ]
    return [Settings, *found]


def name(field: FieldInfo) -> str:
    return field.name.upper() if field.name in UNPREFIXED else f"VOC_{field.name.upper()}"


def default(field: FieldInfo) -> str:
    value: Any = field.default
    if value is NODEFAULT:
        return "(needed)"
    return f"{value:g}" if isinstance(value, float) else str(value) or "(empty)"


@pytest.mark.parametrize("kind", kinds())
def test_every_setting_is_listed_with_its_default(kind: type[Settings]) -> None:
    wanted = {name(field): default(field) for field in fields(kind)}
    assert {n: ROWS.get(n) for n in wanted} == wanted


def test_no_setting_is_listed_that_there_is_not() -> None:
    there = {name(field) for kind in kinds() for field in fields(kind)}
    sources = [p for folder in ("libs", "services") for p in (ROOT / folder).rglob("*.py")]
    code = "\n".join(p.read_text() for p in sources)
    assert [n for n in ROWS if n not in there and f'"{n}"' not in code] == []


def test_every_metric_is_listed() -> None:
    assert telemetry.lag is not None
    ours = {m.name for m in REGISTRY.collect() if m.name.startswith("voc_")}
    assert ours
    assert [n for n in sorted(ours) if not re.search(rf"`{n}(_total)?`", PAGE)] == []
