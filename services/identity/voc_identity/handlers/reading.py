"""What can be read of persons: who they are, why they are one, and by which identifiers they are found."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from voc_common.events import Identifier
from voc_common.postgres import Transaction

from voc_identity import repository
from voc_identity.domain.cluster import cluster
from voc_identity.domain.evidence import Link, Relation, evidence
from voc_identity.domain.normalise import Unlinked, key_rules, normalise, read_key
from voc_identity.handlers.found import edge_of
from voc_identity.handlers.people import current_person
from voc_identity.handlers.records import rules_of
from voc_identity.repository import Row
from voc_identity.settings import IdentitySettings

_identifiers = msgspec.msgpack.Decoder(tuple[Identifier, ...]).decode
_SHOWN = 1000


class PersonView(Struct, frozen=True):
    """A person with the evidence: `links` tie its records, `relations` are shared values that do not."""

    person: str
    account: str
    records: int
    names: list[str]
    identifiers: list[Identifier]
    unlinked: list[Unlinked]
    links: list[Link]
    relations: list[Relation]


class Unusable(ValueError):
    """An identifier that can name nobody; the message says why."""


async def person(
    tx: Transaction, tenant: str, person_id: str, settings: IdentitySettings
) -> PersonView:
    """A person by its present id."""
    mine = await repository.records_of(tx, tenant, person_id, _SHOWN)
    secret = (await repository.rules(tx, [tenant]))[tenant]
    component = {(tenant, r.component) for r in mine}
    members = await repository.members(tx, component)
    atoms = [r.record for r in members.values()]
    states = await repository.look_up(tx, {(tenant, k.hash) for atom in atoms for k in atom.keys})
    there = {atom.record_id for atom in atoms}
    edges = [edge_of(e, there) for e in await repository.edges(tx, members)]
    generic = frozenset(h for (_, h), state in states.items() if state.generic)
    partition = cluster(atoms, edges, rules_of(settings), generic=generic)
    # After an upgrade a person goes by its former name until it has been read anew.
    name = partition.person_of()[mine[0].record_id].person_id
    found = evidence(atoms, partition, edges)
    told = sorted(
        {i for r in mine for i in _identifiers(r.identifiers)}, key=msgspec.structs.astuple
    )
    read = key_rules(secret.secret, settings.region, secret.blocked)
    return PersonView(
        person=person_id,
        account=mine[0].account,
        records=len(mine),
        names=sorted({i.value for i in told if i.type == "name"}),
        identifiers=[i for i in told if i.type != "name"],
        unlinked=list(normalise(told, read).unlinked),
        links=[replace(k, person_id=person_id) for k in found.links if k.person_id == name],
        relations=[r for r in found.relations if name in r.persons],
    )


async def records(
    tx: Transaction, tenant: str, person_id: str, after: str, limit: int
) -> list[Row]:
    """Records of a person, by record id; raises `NotThere`."""
    now = await current_person(tx, tenant, person_id)
    return await repository.records_of(tx, tenant, now, limit, after)


async def find(
    tx: Transaction,
    tenant: str,
    kind: Literal["email", "phone", "external"],
    value: str,
    issuer: str,
    settings: IdentitySettings,
) -> list[str]:
    """Persons whose records hold a value; at most 200, and several only where the value does not link.

    Raises `Unusable`.
    """
    found = (await repository.rules(tx, [tenant]))[tenant]
    key = read_key(
        Identifier(kind, value, issuer), key_rules(found.secret, settings.region, found.blocked)
    )
    if isinstance(key, Unlinked):
        raise Unusable(f"this {kind} identifies nobody: {key.reason}")
    named = (tenant, key.hash)
    state = (await repository.look_up(tx, [named])).get(named)
    if state is None:
        return []
    if state.generic:
        rows = await repository.holders(tx, [named])
    else:
        together = await repository.members(tx, [(tenant, state.component)])
        rows = [r for r in together.values() if any(k.hash == key.hash for k in r.record.keys)]
    return sorted({r.person for r in rows if r.person})[:200]


async def edges(tx: Transaction, tenant: str, before: int, limit: int) -> Sequence[Any]:
    """Manual edges, newest first, before a number."""
    return await repository.edge_page(tx, tenant, before, limit)
