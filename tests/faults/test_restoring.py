"""Schemas lost, brought back from a backup of another moment, and told again: the numbers are as they were."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults import counting, outbreaks
from faults.load import Load
from faults.outbreaks import History
from harness import backups, telling
from harness.stand import Stand
from harness.system import SERVICES
from harness.telling import Telling

pytestmark = pytest.mark.slow

RESTORED = tuple(os.environ.get("VOC_FAULTS_RESTORED", "identity").split())
"""What is lost and restored, each a minute and a half: the hardest one by default, any of all five by name."""


async def test_schemas_restored_from_other_moments(
    stand: Stand, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    assert set(RESTORED) <= set(SERVICES), RESTORED
    tell(f"to be lost and restored: {', '.join(RESTORED)} of {', '.join(SERVICES)}")
    system = stand.system
    load = Load(await telling.begin(system, 41), 41, pause=0.1)
    told = load.telling
    past = History(system, await system.tenant())
    async with load.running(), asyncio.TaskGroup() as tasks:
        tasks.create_task(past.tell(outbreaks.history(41), pause=0.3))
        for service in RESTORED:
            before = len(told.records)
            while len(told.records) < before + 40:
                await load.probe()
            await backups.dump(system.database_url, service, tmp_path / service)
            tell(f"{service} backed up when {len(told.records)} records were accepted")
    await system.settled()
    await past.judged()
    hot = await past.issues(), await past.items()
    assert all(hot)
    assert not (await counting.count(told)).wrong
    for service in RESTORED:
        erased = sorted(await told.gone())
        await lost_and_restored(stand, service, tmp_path / service)
        if service == "ingest":
            await sent_again(told, past, set(erased))
        for tenant in (told.tenant, past.tenant):
            await system.replay(tenant)
        if service == "identity":
            body = {"records": erased, "reason": "said again"}
            await system.done("POST", "identity", "/v1/erasures", told.tenant, body)
        if service == "taxonomy":
            await corrected_again(told)
        await system.settled(240)
        assert not (await counting.count(told)).wrong, service
        await past.judged()
        assert (await past.issues(), await past.items()) == hot, service
        tell(f"{service} restored: every number as before")


async def lost_and_restored(stand: Stand, service: str, backup: Path) -> None:
    """What the documentation says, step by step, but for what is told again."""
    system = stand.system
    mine = [p for p in system.fleet.processes if p.service == service]
    await asyncio.gather(*(asyncio.to_thread(p.stop) for p in mine))
    await system.run(f"drop schema {service} cascade")
    await backups.restore(system.database_url, backup)
    await system.voc("restored", service)
    await system.voc("topics", "rewind", service)
    for process in mine:
        process.start()
    await asyncio.to_thread(system.fleet.wait_ready)


async def sent_again(told: Telling, past: History, erased: set[str]) -> None:
    """The sources send what they have, as it stands there."""

    def standing(kept: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
        items = [item for record, item in kept.items() if record not in erased]
        return [{k: v for k, v in item.items() if k != "received"} for item in items]

    await told.send(standing(told.told.feedback))
    await told.send(standing(told.told.activities), "activity")
    await past.tell(outbreaks.history(41))


async def corrected_again(told: Telling) -> None:
    """People say their corrections again, of the texts that stand."""
    for (record, text), causes in list(told.told.corrected.items()):
        if told.told.feedback[record]["text"] == text:
            path = f"/v1/records/{record}/corrections"
            body = {"causes": causes}
            answer = await told.system.call("POST", "taxonomy", path, told.tenant, body)
            assert answer.status_code in (201, 404), answer.text
