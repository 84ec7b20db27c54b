"""What an attempt to cluster anew has found under its locks, and what follows of it; nothing here waits."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from msgspec import Struct
from voc_common.events import Revision

from voc_identity.domain.cluster import cluster
from voc_identity.domain.records import Cut, Edge, Must, Record, Rules
from voc_identity.repository import EdgeRow, HashKey, KeyState, Noted, RecordKey, Row, Written

_Holder = tuple[str, bytes, str]


class Told(Struct, frozen=True, gc=False):
    """What identifiers come to: the atom but for its id, what is stored of it, and its profile."""

    atom: Record
    stored: bytes
    profile: bytes


class Intent(Struct, frozen=True, gc=False):
    """What a record shall become: a newer revision, or, told nothing, erased for good.

    Without a revision it keeps its own, and the identifiers are read anew, by other rules.
    """

    told: Told | None = None
    identifiers: bytes = b""
    revision: Revision | None = None

    @property
    def profile(self) -> bytes:
        """The profile of what is told."""
        return self.told.profile if self.told else b""


@dataclass(slots=True)
class Found:
    """Records and values as they stand, and what is meant to become of some.

    `intents` are clustered anew, the rows `following` a twin of `twins` are not. `seen` is what was known of
    the records that are meant, `noted` of their profiles, `members` the records of the locked components;
    `atoms_before` are those of `seen`, the `universe` those of all members with the intents carried out.
    `states` are the values'. Those of `members` that are `speakers` stand for all records of their component
    that tell the same, which go where they go.
    """

    rules: Rules
    now: int
    intents: dict[RecordKey, Intent] = field(default_factory=dict[RecordKey, Intent])
    following: dict[RecordKey, Row] = field(default_factory=dict[RecordKey, Row])
    twins: dict[RecordKey, Noted] = field(default_factory=dict[RecordKey, Noted])
    noted: dict[HashKey, Noted] = field(default_factory=dict[HashKey, Noted])
    seen: dict[RecordKey, Row] = field(default_factory=dict[RecordKey, Row])
    atoms_before: dict[RecordKey, Record] = field(default_factory=dict[RecordKey, Record])
    members: dict[RecordKey, Row] = field(default_factory=dict[RecordKey, Row])
    speakers: set[RecordKey] = field(default_factory=set[RecordKey])
    universe: dict[RecordKey, Record] = field(default_factory=dict[RecordKey, Record])
    states: dict[HashKey, KeyState] = field(default_factory=dict[HashKey, KeyState])

    def arriving(self) -> set[HashKey]:
        """Values that the records that are clustered anew tell."""
        return hashes({k: i.told.atom for k, i in self.intents.items() if i.told})

    def leaving(self) -> set[HashKey]:
        """Values that the records that are clustered anew held until now."""
        return hashes({k: a for k, a in self.atoms_before.items() if k in self.intents})

    def likely(self, held: Mapping[HashKey, KeyState]) -> dict[HashKey, str]:
        """The component that each arriving value, of which nothing is `held`, will most likely be of.

        Where this is not what clustering finds, the value is written once more.
        """
        found: dict[HashKey, str] = {}
        for (tenant, record_id), intent in sorted(self.intents.items()):
            values = [(tenant, v.hash) for v in intent.told.atom.keys] if intent.told else []
            known = (held[k].component if k in held else found.get(k, "") for k in values)
            place = min(filter(None, known), default=record_id)
            for value in values:
                if value not in held:
                    found.setdefault(value, place)
        return found

    def first_at(self, key: RecordKey, intent: Intent) -> int:
        """When the record of an intent first reached voc."""
        if intent.revision:
            return intent.revision.first_received_at
        return self.seen[key].first_at if key in self.seen else 0

    def by_tenant(self) -> dict[str, list[Record]]:
        """The universe, tenant by tenant."""
        atoms: dict[str, list[Record]] = {}
        for key, atom in self.universe.items():
            atoms.setdefault(key[0], []).append(atom)
        return atoms

    def carried_out(self, atoms: Mapping[RecordKey, Record]) -> dict[RecordKey, Record]:
        """These records, the members', with the intents carried out."""
        universe = dict(atoms)
        for key, intent in self.intents.items():
            if intent.told is None:
                universe.pop(key, None)
            else:
                universe[key] = intent.told.atom.of(key[1], self.first_at(key, intent))
        return universe

    def spoken_of(self) -> set[RecordKey]:
        """Components of whose records people have said something: no record speaks for another there."""
        return {
            (key[0], row.component) for key in self.speakers if (row := self.members[key]).manual
        }

    def changed(
        self, edges: Iterable[EdgeRow], generic: Mapping[HashKey, bool]
    ) -> dict[RecordKey, Row]:
        """Records that are clustered anew and are others now, the erased among them."""
        new = self._clustered(edges, generic)
        changed = {k: r for k, r in new.items() if r != self.members.get(k)}
        return changed | {k: self._emptied(k) for k, i in self.intents.items() if i.told is None}

    def follow(self, key: RecordKey, intent: Intent, twin: Noted) -> bool:
        """Let a record follow its twin, if it is a new one that belongs to the same person.

        It must be later by id, else it might decide between others, and have come later, else it would name them.
        """
        told, revision = intent.told, intent.revision
        if told is None or revision is None or key[1] < twin.record_id:
            return False
        first_at = revision.first_received_at
        if first_at < twin.first_at:
            return False
        self.twins[key] = twin
        self.following[key] = Row(
            tenant=key[0],
            record_id=key[1],
            rev_version=revision.version,
            source=revision.source,
            occurred_at=revision.occurred_at,
            identifiers=intent.identifiers,
            atom=told.stored,
            component=twin.component,
            person=twin.person,
            account=twin.account,
            counter=1,
            decided_at=self.now,
            profile=told.profile,
            first_at=first_at,
        )
        return True

    def written(
        self,
        changed: Mapping[RecordKey, Row],
        generic: Mapping[HashKey, bool],
    ) -> Written:
        """What is to be written so that these records are as they `changed`, and others follow their twins."""
        rows = {**self.members, **changed}
        places = dict.fromkeys(generic, "")
        for key, atom in self.universe.items():
            component = rows[key].component
            for value in atom.keys:
                if not generic[named := (key[0], value.hash)]:
                    places[named] = component
        after = ((k, KeyState(place, generic[k])) for k, place in places.items())
        held, left = self._holders(generic)
        first: dict[HashKey, str] = {}
        for (tenant, record_id), intent in sorted(self.intents.items()):
            if intent.profile:
                first.setdefault((tenant, intent.profile), record_id)
        return Written(
            now=self.now,
            records=changed.values(),
            seen=self.seen | self.members,
            speakers=self.speakers,
            followed=self.following.values(),
            twins=self.twins,
            keys={k: s for k, s in after if s != self.states.get(k)},
            held=held,
            left=left,
            profiles=first,
            noted=self.noted,
        )

    def moved(self, key: RecordKey, row: Row) -> bool:
        """Whether a known record has another person or account now."""
        before = self.before(key)
        return before is not None and before.counter != row.counter and not row.erased

    def before(self, key: RecordKey) -> Row | None:
        """A record as it was known."""
        return self.members.get(key) or self.seen.get(key)

    def _clustered(
        self, edges: Iterable[EdgeRow], generic: Mapping[HashKey, bool]
    ) -> dict[RecordKey, Row]:
        result: dict[RecordKey, Row] = {}
        for tenant, atoms in self.by_tenant().items():
            there = {atom.record_id for atom in atoms}
            manual = [edge_of(e, there) for e in edges if e.tenant == tenant]
            hashes = frozenset(h for (t, h), flag in generic.items() if t == tenant and flag)
            persons = cluster(atoms, manual, self.rules, generic=hashes).persons
            named = {
                r for e in edges if e.tenant == tenant for r in (*e.left_records, *e.right_records)
            }
            spoken_of = {p.component for p in persons if not named.isdisjoint(p.members)}
            for person in persons:
                name = person.person_id if person.identifiable else ""
                manual = person.component in spoken_of
                for record_id in person.members:
                    key = (tenant, record_id)
                    result[key] = self._row(key, person.component, name, person.account, manual)
        return result

    def _row(self, key: RecordKey, component: str, person: str, account: str, manual: bool) -> Row:
        before, intent = self.before(key), self.intents.get(key)
        row = before or Row(tenant=key[0], record_id=key[1])
        told = intent and intent.told
        revision = intent and intent.revision
        moved = before is None or (before.person, before.account) != (person, account)
        return Row(
            tenant=row.tenant,
            record_id=row.record_id,
            rev_version=revision.version if revision else row.rev_version,
            source=revision.source if revision else row.source,
            occurred_at=revision.occurred_at if revision else row.occurred_at,
            identifiers=intent.identifiers if intent else row.identifiers,
            atom=told.stored if told else row.atom,
            component=component,
            person=person,
            account=account,
            counter=row.counter + moved,
            decided_at=self.now if moved else row.decided_at,
            profile=told.profile if told else row.profile,
            manual=manual,
            first_at=self.first_at(key, intent) if intent else row.first_at,
        )

    def _emptied(self, key: RecordKey) -> Row:
        before = self.before(key)
        counter = before.counter + 1 if before else 1
        return Row(
            tenant=key[0], record_id=key[1], counter=counter, decided_at=self.now, erased=True
        )

    def _holders(self, generic: Mapping[HashKey, bool]) -> tuple[set[_Holder], set[_Holder]]:
        """Who holds a generic value, and who no longer: no component leads to them.

        Of records that follow one another it is enough to note one (they add no name and no id), and all of
        a component are noted anew when any of it changes, so the last of them is noted before it is alone.
        """
        left = {
            (k[0], v.hash, k[1])
            for k, a in self.atoms_before.items()
            if k in self.intents
            for v in a.keys
        }
        held = {
            (k[0], v.hash, k[1])
            for k, a in (self.universe.items() if True in generic.values() else ())
            for v in a.keys
            if generic[k[0], v.hash]
        }
        return held, left - held


def hashes(atoms: Mapping[RecordKey, Record]) -> set[HashKey]:
    """The values of these records."""
    return {(key[0], value.hash) for key, atom in atoms.items() for value in atom.keys}


def edge_of(row: EdgeRow, there: Container[str]) -> Edge:
    """A manual edge as clustering reads it.

    A merge names all records that the two persons had; it ties the first of each side that is `there`,
    so that erasing one of them does not undo it.
    """
    if row.kind == "must":
        sides = (sorted(row.left_records), sorted(row.right_records))
        a, b = (next((r for r in side if r in there), side[0]) for side in sides)
        return Must(row.edge, a, b)
    return Cut(row.edge, frozenset(row.left_records), frozenset(row.right_records))
