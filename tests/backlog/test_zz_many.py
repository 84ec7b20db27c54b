import pytest
from tests.backlog import test_law as L
@pytest.mark.parametrize("seed", range(400, 425))
async def test_many(database, tenant, seed, monkeypatch):
    await L.test_any_order_around_what_people_did(database, tenant, seed, monkeypatch)
    await L.test_any_order_with_four_workers(database, tenant + "y", seed)
