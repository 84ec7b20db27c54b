"""A worker's jobs: one that fails is seen from outside, and heals."""

import asyncio

from voc_common import worker
from voc_common.stage import Subscriptions
from voc_common.worker import Context, Job, Worker
from voc_identity.settings import IdentitySettings


async def test_a_job_that_fails_makes_the_worker_unready_until_it_works_again(
    settings: IdentitySettings,
) -> None:
    mended = asyncio.Event()
    seen = {False: asyncio.Event(), True: asyncio.Event()}
    rounds = {False: 0, True: 0}

    async def round_(context: Context) -> bool:
        del context
        well = mended.is_set()
        rounds[well] += 1
        if rounds[well] == 2:
            # The second round begins when what came of the first has been noted.
            seen[well].set()
        if not well:
            raise ZeroDivisionError("no such people")
        return False

    job = Job("watch", round_, 0.01)
    running = worker._Running(Worker("identity", settings, Subscriptions({}), [job]))
    running.ready = True
    task = asyncio.create_task(worker._repeat(running, job))
    try:
        async with asyncio.timeout(30):
            await seen[False].wait()
            assert running.fault() == "watch fails: ZeroDivisionError: no such people"
            mended.set()
            await seen[True].wait()
            assert running.failing == {}
    finally:
        task.cancel()
        await running.database.close()
