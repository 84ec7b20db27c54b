"""Versions of the parts of a record: fixed-width lowercase hex strings that order as bytes.

Postgres keeps them as `text collate "C"`, NOT NULL, with "" for a part that has not arrived.
"""

from functools import lru_cache
from hashlib import blake2b

_MAX_HUMAN = 0xFFFFFFFF
_content = blake2b(digest_size=8)


@lru_cache(maxsize=1024)
def _keyed(key: bytes) -> blake2b:
    """A hash with its key: to copy it takes half as long as to make it."""
    return blake2b(digest_size=11, key=key[:64])


def revision(stamp: int | None, received_at: int, content: bytes) -> str:
    """Version of a Revision: the source's own stamp (us; missing sorts lowest), receipt (us), content."""
    digest = _content.copy()
    digest.update(content)
    return f"{max(stamp or 0, 0):016x}{received_at:016x}{digest.hexdigest()}"


def attribution(generation: int, counter: int) -> str:
    """Version of an Attribution: the schema's generation, then the record's own counter."""
    return f"{generation:04x}{counter:012x}"


def decision(generation: int, revision_version: str, human: int, model: int) -> str:
    """Version of a Decision: generation, the revision decided on, human sequence (0: machine), model."""
    if not 0 <= human <= _MAX_HUMAN:
        raise ValueError("a human sequence has 32 bits")
    return f"{generation:04x}{revision_version:0<48}{human:08x}{model:08x}"


def counter(version: str) -> int:
    """The record's own counter within an Attribution's version; 0 for none."""
    return int(version[4:], 16) if version else 0


def record_id(key: bytes, created_at: int | None, source: str, kind: str, object_id: str) -> str:
    """Id of a record: 5 bytes of creation second (zero if unknown), 11 bytes of a keyed hash.

    Time-ordered for cheap indexes; the same for webhook, API and export of one object; `key` is the
    tenant's secret, so that the tombstone of an erased record tells nothing.
    """
    seconds = 0 if created_at is None else max(created_at // 1_000_000, 0) & 0xFFFFFFFFFF
    name = f"{source}\x1f{kind}\x1f{object_id}".encode("utf-8", "surrogatepass")
    digest = _keyed(key).copy()
    digest.update(name)
    return f"{seconds:010x}{digest.hexdigest()}"


def hash_part(record: str) -> str:
    """The part of a record id that tells nothing of time."""
    return record[10:]
