"""CPU time and memory of an installation by part, as the operating system tells them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import psutil
from reader import reader
from voc_cli.fleet import Fleet
from voc_local.ground import Ground


@dataclass(frozen=True, slots=True)
class Reading:
    """CPU seconds by part, user and system, of everything that has run so far."""

    cpu: dict[str, float]

    def since(self, before: "Reading") -> dict[str, float]:
        """CPU seconds by part between two readings."""
        return {part: seconds - before.cpu.get(part, 0.0) for part, seconds in self.cpu.items()}


class Meter:
    """Reads the process trees of the services, of Postgres and of Kafka."""

    def __init__(self, ground: Ground, fleet: Fleet) -> None:
        assert ground.postgres_server is not None
        assert ground.kafka_server is not None
        self._url = ground.database_url
        pids = {p.name: p.pid for p in fleet.processes if p.running()}
        pids |= {"postgres": ground.postgres_server.pid, "kafka": ground.kafka_server.pid}
        self._tops = {part: psutil.Process(pid) for part, pid in pids.items()}

    def read(self) -> Reading:
        """CPU of each part's processes: living ones and those that have ended."""
        return Reading({part: tree_seconds(top) for part, top in self._tops.items()})

    async def backends(self) -> Reading:
        """CPU of Postgres' living processes by what they do: a service's role, or a part of the server."""
        async with reader(self._url) as connection:
            rows = await connection.rows(
                "select pid, coalesce(nullif(application_name, ''), backend_type) as name "
                "from pg_stat_activity where pid <> pg_backend_pid()"
            )
        cpu: dict[str, float] = defaultdict(float)
        for row in rows:
            cpu[row["name"]] += backend_seconds(row["pid"])
        return Reading(cpu)

    def memory(self) -> dict[str, int]:
        """Resident MB of each part; pages shared between Postgres' processes count in each."""
        return {
            part: sum(p.memory_info().rss for p in _tree(top)) // 2**20
            for part, top in self._tops.items()
        }


def per_event(spent: Mapping[str, float], events: int) -> dict[str, float]:
    """CPU us an event of each part that took any, and of `all`."""
    us = {part: round(seconds / events * 1e6, 1) for part, seconds in spent.items()}
    return {part: each for part, each in us.items() if each > 0} | {
        "all": round(sum(us.values()), 1)
    }


def _tree(top: psutil.Process) -> list[psutil.Process]:
    return [top, *top.children(recursive=True)]


def tree_seconds(top: psutil.Process) -> float:
    """CPU seconds of a process, its living descendants, and those that have ended."""
    total = 0.0
    for process in _tree(top):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue  # its time is in its parent's by now
        total += times.user + times.system + times.children_user + times.children_system
    return total


def backend_seconds(pid: int) -> float:
    """CPU seconds of one process, user and system."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system
