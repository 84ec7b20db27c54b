"""Records made by hand, for tests of clustering."""

from hashlib import blake2b

from voc_identity.domain.names import parse_name
from voc_identity.domain.records import Key, Partition, Record


def record_id(number: int) -> str:
    """Time and hash part run against each other, so that an order by time would show."""
    return f"{10_000 - number:010x}" + blake2b(str(number).encode(), digest_size=11).hexdigest()


def key(kind: str, value: str, issuer: str = "") -> Key:
    digest = blake2b(f"{kind} {issuer} {value}".encode(), digest_size=16).digest()
    return Key(kind, digest, issuer, value)  # pyright: ignore[reportArgumentType]


def record(number: int, name: str = "", *, came: int = 0, **values: str) -> Record:
    """`record(3, "Anna Berg", email="a", phone="1", crm="17")`: other keywords are issuers of external ids."""
    keys = [
        key(kind, value) if kind in ("email", "phone") else key("external", value, kind)
        for kind, value in values.items()
        if value
    ]
    order = ("external", "email", "phone")
    return Record(
        record_id(number),
        tuple(sorted(keys, key=lambda k: (order.index(k.kind), k.hash))),
        parse_name(name),
        first=(came, record_id(number)),
    )


def ids(*numbers: int) -> frozenset[str]:
    return frozenset(record_id(n) for n in numbers)


def groups(partition: Partition) -> set[frozenset[str]]:
    return {frozenset(person.members) for person in partition.persons}


def together(*people: tuple[int, ...]) -> set[frozenset[str]]:
    return {ids(*numbers) for numbers in people}
