"""The faults that a schedule draws from, every kind of them."""

from faults.catalogue import network, processes, senders, servers, topics
from faults.catalogue.fault import Kind

KINDS: tuple[Kind, ...] = (
    *processes.KINDS,
    *servers.KINDS,
    *network.KINDS,
    *topics.KINDS,
    *senders.KINDS,
)
"""In a fixed order: a seed must draw the same from it."""
