"""Which arrivals make a new revision of a record: pure, whatever the order they came in."""

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct
from voc_common import versions

Verdict = Literal["accepted", "unchanged", "erased"]


class Latest(Struct, frozen=True, gc=False):
    """What is known of a record: its greatest revision, the last receipt and the first; version "" if none."""

    revision: str
    received_at: int
    erased: bool = False
    first_at: int = 0


NOTHING = Latest("", 0)


class Arrival(Struct, frozen=True, gc=False):
    """One arrival of a record: the source's stamp (us, 0: none), receipt (us), canonical content."""

    stamp: int
    received_at: int
    content: bytes


class Outcome(Struct, frozen=True, gc=False):
    """What becomes of an arrival; `received_at` may have been moved behind the last receipt.

    `first_at` is when its record first came, 0 with this very arrival.
    """

    verdict: Verdict
    revision: str
    received_at: int
    first_at: int = 0


def state(version: str) -> str:
    """Stamp and content of a revision without its receipt: what tells a repeat of an older state."""
    return version[:16] + version[32:]


def content_of(version: str) -> str:
    """The part of a revision that is a hash of the content."""
    return version[32:]


def older(arrival: Arrival, latest: Latest) -> bool:
    """The source itself says that this state came before the latest."""
    return arrival.stamp < int(latest.revision[:16] or "0", 16)


def settle(
    latest: Latest, arrivals: Sequence[Arrival], archived: Iterable[str] = ()
) -> tuple[Latest, list[Outcome]]:
    """Decide over the arrivals of one record in order of receipt.

    A new revision is made only if the content differs from the latest, so A, B, A is three and a repeat
    none. A state that the source stamped before the latest is kept too, once: `archived` holds the `state`
    of the revisions that are kept. Receipts strictly increase per record, so that an unstamped change
    is never lost to a slow clock of another process.
    """
    kept = set(archived)
    outcomes: list[Outcome] = []
    for one in arrivals:
        if latest.erased:
            outcomes.append(Outcome("erased", "", one.received_at))
            continue
        received_at = max(one.received_at, latest.received_at + 1)
        version = versions.revision(one.stamp, received_at, one.content)
        repeat = content_of(version) == content_of(latest.revision)
        if repeat or (older(one, latest) and state(version) in kept):
            outcomes.append(Outcome("unchanged", latest.revision, one.received_at))
            continue
        kept.add(state(version))
        outcomes.append(Outcome("accepted", version, received_at, latest.first_at))
        latest = Latest(
            max(latest.revision, version), received_at, first_at=latest.first_at or received_at
        )
    return latest, outcomes
