"""The locking recipe: change some records, and cluster anew whatever that touches.

Any number of workers may do this at once; the partition that results is the one of all records. The
order is: claim the values, lock the components that they lead to, look again, and only then write:

1. new values are claimed, sorted: two transactions with the same new value meet there, and where
   they lock the values that were held once and are not now;
2. the components of all values, of the former values and of manual edges are locked, sorted;
3. values and records are looked up again. If a component is not among the locked ones, somebody
   merged or split between 1 and 2, or the last holder of a value has gone: everything is given back
   and tried with the wider set;
4. the pure `cluster` decides on all members; what changed is written, the records last.

A new record that tells exactly what an earlier one tells (its twin, most records have one) belongs where
that one belongs (`follows`): its component is locked and looked at again as any other, but not clustered.
"""

from collections.abc import Collection, Container, Iterable, Mapping

import msgspec
from msgspec import Struct
from voc_common.postgres import Transaction
from voc_common.postgres.database import Retry

from voc_identity import repository
from voc_identity.domain.cluster import cluster
from voc_identity.domain.components import generic_values
from voc_identity.domain.records import Cut, Edge, Must, Record, Rules, follows
from voc_identity.repository import EdgeRow, HashKey, KeyState, RecordKey, Row, Twin, Written

_ATTEMPTS = 12
_Holder = tuple[str, bytes, str]
FREE = KeyState("", False)
"""A value that nobody holds."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


class Intent(Struct, frozen=True, gc=False, kw_only=True):
    """What a record shall become: a newer revision, or, without an atom, erased for good.

    With `reread` the revision stays and the identifiers are read anew, by other rules.
    """

    rev_version: str = ""
    source: str = ""
    occurred_at: int = 0
    identifiers: bytes = b""
    atom: Record | None = None
    profile: bytes = b""
    reread: bool = False


class Outcome(Struct, frozen=True):
    """What came of it: `rows` of all records that were meant, `moved` known ones whose attribution changed."""

    rows: dict[RecordKey, Row]
    moved: list[Row]


class _Wider(Exception):
    """The locked components are not all that is touched."""

    def __init__(self, components: Iterable[RecordKey] = ()) -> None:
        super().__init__()
        self.components = set(components)


async def recluster(
    tx: Transaction,
    intents: Mapping[RecordKey, Intent],
    rules: Rules,
    now: int,
    *,
    anchors: Collection[RecordKey] = (),
) -> Outcome:
    """Carry out intents, and cluster anew the components of their values and of the `anchors`.

    Raises `Retry` if others were faster again and again.
    """
    wider: set[RecordKey] = set()
    for _ in range(_ATTEMPTS):
        attempt = _Attempt(tx, intents, rules, now, frozenset(anchors), wider)
        try:
            async with tx.savepoint():
                return await attempt.run()
        except _Wider as found:
            wider |= found.components
    raise Retry("the components of this batch keep changing")


class _Attempt:
    """One try, between two savepoints."""

    def __init__(
        self,
        tx: Transaction,
        intents: Mapping[RecordKey, Intent],
        rules: Rules,
        now: int,
        anchors: frozenset[RecordKey],
        wider: set[RecordKey],
    ) -> None:
        self.tx = tx
        self.rules = rules
        self.now = now
        self.anchors = anchors
        self.wider = wider
        self.all_intents = intents
        self.intents: dict[RecordKey, Intent] = {}
        self.following: dict[RecordKey, Intent] = {}
        self.twins: dict[RecordKey, Twin] = {}
        self.seen: dict[RecordKey, Row] = {}
        self.atoms_before: dict[RecordKey, Record] = {}
        self.members: dict[RecordKey, Row] = {}
        self.universe: dict[RecordKey, Record] = {}
        self.states: dict[HashKey, KeyState] = {}

    async def run(self) -> Outcome:
        """The recipe."""
        profiles = dict.fromkeys(self.anchors, b"") | {
            k: i.profile if i.atom else b"" for k, i in self.all_intents.items()
        }
        self.seen, found = await repository.rows_or_twins(self.tx, profiles)
        wanted = {k: i for k, i in self.all_intents.items() if self._wanted(k, i)}
        self.twins = {
            k: t for k, t in found.items() if (atom := wanted[k].atom) and follows(atom, t.account)
        }
        self.following = {k: wanted[k] for k in self.twins}
        self.intents = {k: i for k, i in wanted.items() if k not in self.following}
        self.atoms_before = {k: _decode(r.atom) for k, r in self.seen.items() if r.atom}
        edges: list[EdgeRow] = []
        generic: dict[HashKey, bool] = {}
        if self.intents or self.anchors:
            held = await self._claim()
            locked = await self._lock(held)
            await self._look_again(locked, held)
            edges = await self._edges()
            generic = await self._generic()
        elif self.following:
            await repository.lock_components(self.tx, self._twin_components())
        await self._look_at_twins_again()
        return await self._write(edges, generic)

    def _twin_components(self) -> set[RecordKey]:
        return {self._twin_place(k) for k in self.following}

    async def _look_at_twins_again(self) -> None:
        """Their second look-up: a twin may have been moved, edited or erased before its component was locked."""
        if not self.following:
            return
        profiles = {k: i.profile for k, i in self.following.items()}
        now = await repository.twins(self.tx, profiles)
        for key, intent in self.following.items():
            twin = now.get(key)
            if not stands(twin, self.twins[key]):
                raise _Wider
            self.twins[key] = twin or self.twins[key]
            if intent.atom is None or not follows(intent.atom, self.twins[key].account):
                raise _Wider

    def _wanted(self, key: RecordKey, intent: Intent) -> bool:
        """The erased guard and the version test: an erased row accepts nothing, an older revision changes nothing."""
        row = self.seen.get(key)
        if row is None:
            return True
        if not accepts(row):
            return False
        return intent.atom is None or intent.reread or newer(intent, row)

    def _hashes(self, atoms: Mapping[RecordKey, Record]) -> set[HashKey]:
        return {(key[0], value.hash) for key, atom in atoms.items() for value in atom.keys}

    async def _claim(self) -> dict[HashKey, KeyState]:
        """Claim the values of the new atoms; returns what is known of them and of the former ones."""
        after = {k: i.atom for k, i in self.intents.items() if i.atom}
        arriving = self._hashes(after)
        leaving = self._hashes({k: a for k, a in self.atoms_before.items() if k in self.intents})
        made = await repository.claim_keys(self.tx, arriving)
        held = await repository.look_up(self.tx, arriving | leaving)
        if free := {k for k in arriving - made if held[k] == FREE}:
            await repository.hold_free(self.tx, free)
            held |= await repository.look_up(self.tx, free)
        generic = {k for k, state in held.items() if state.generic}
        if generic:
            await repository.hold_generic(self.tx, generic & arriving, generic & leaving)
        return held

    async def _lock(self, held: Mapping[HashKey, KeyState]) -> set[RecordKey]:
        components = {(k[0], s.component) for k, s in held.items() if s.component and not s.generic}
        components |= {(k[0], r.component) for k, r in self.seen.items() if r.component}
        components |= self.wider
        # What is clustered anew anyway is clustered with all of its new records.
        there = {k: i for k, i in self.following.items() if self._twin_place(k) in components}
        self.intents |= there
        self.following = {k: i for k, i in self.following.items() if k not in there}
        all_of_them = components | self._twin_components()
        if all_of_them:
            await repository.lock_components(self.tx, all_of_them)
        return components

    def _twin_place(self, key: RecordKey) -> RecordKey:
        return key[0], self.twins[key].component

    async def _look_again(self, locked: set[RecordKey], held: Mapping[HashKey, KeyState]) -> None:
        """The second look-up: what was found before the locks may have been merged or split since."""
        self.members = await repository.members(self.tx, locked) if locked else {}
        atoms = {k: _decode(r.atom) for k, r in self.members.items()}
        arriving = self._hashes({k: i.atom for k, i in self.intents.items() if i.atom})
        self.states = await repository.look_up(
            self.tx, held.keys() | self._hashes(atoms) | arriving
        )
        missing = second_look(held, self.states, locked)
        stale = {k for k in self.all_intents if k in self.members and k not in self.seen}
        stale |= {k for k, r in self.seen.items() if r.component and self.members.get(k) != r}
        missing |= {(k[0], self.seen[k].component) for k in stale if k in self.seen} - locked
        if missing or stale:
            raise _Wider(missing)
        self.universe = atoms
        for key, intent in self.intents.items():
            if intent.atom is None:
                self.universe.pop(key, None)
            else:
                self.universe[key] = intent.atom

    async def _edges(self) -> list[EdgeRow]:
        """The manual edges of all members; a `must` that leads outside widens the set."""
        edges = await repository.edges(self.tx, {*self.universe, *self.intents})
        ends = {
            (e.tenant, r)
            for e in edges
            if e.kind == "must"
            for r in (*e.left_records, *e.right_records)
        }
        outside = ends - self.universe.keys() - self.intents.keys()
        if outside:
            rows = await repository.rows(self.tx, outside)
            there = {(k[0], r.component) for k, r in rows.items() if r.component}
            if there:
                raise _Wider(there)
        return edges

    async def _generic(self) -> dict[HashKey, bool]:
        """For every value of the universe, whether it links nobody, by the records that hold it now."""
        leaving = self._hashes({k: a for k, a in self.atoms_before.items() if k in self.intents})
        by_tenant = self._by_tenant()
        found = {
            (t, h) for t, atoms in by_tenant.items() for h in generic_values(atoms, self.rules)
        }
        result: dict[HashKey, bool] = {}
        for key in self._hashes(self.universe) | leaving:
            state = self.states.get(key)
            if state is None or not state.generic:
                result[key] = key in found  # all holders are here: they share the component
            elif key not in leaving:
                result[key] = True  # a value never becomes less generic by being held once more
            else:
                result[key] = await self._still_generic(key)
        return result

    def _by_tenant(self) -> dict[str, list[Record]]:
        atoms: dict[str, list[Record]] = {}
        for key, atom in self.universe.items():
            atoms.setdefault(key[0], []).append(atom)
        return atoms

    async def _still_generic(self, key: HashKey) -> bool:
        """Whether a generic value stays so; if not, all its holders must be clustered with us."""
        rows = {r.key: r for r in await repository.holders(self.tx, [key])}
        atoms = {k: _decode(r.atom) for k, r in rows.items() if k not in self.intents and r.atom}
        for k, intent in self.intents.items():
            if intent.atom and any(v.hash == key[1] for v in intent.atom.keys):
                atoms[k] = intent.atom
        if key[1] in generic_values(atoms.values(), self.rules):
            return True
        outside = {(k[0], rows[k].component) for k in atoms if k not in self.universe}
        if outside:
            raise _Wider(outside)
        return False

    async def _write(self, edges: Iterable[EdgeRow], generic: Mapping[HashKey, bool]) -> Outcome:
        new = self._clustered(edges, generic)
        changed = {k: r for k, r in new.items() if r != self.members.get(k)}
        for key, intent in self.intents.items():
            if intent.atom is None:
                changed[key] = self._emptied(key)
        after = {k: KeyState("", flag) for k, flag in generic.items()}
        for key, atom in self.universe.items():
            for value in atom.keys:
                if not generic[key[0], value.hash]:
                    after[key[0], value.hash] = KeyState(new[key].component, False)
        changed |= {k: self._followed(k, i) for k, i in self.following.items()}
        held, left = self._holders(generic)
        first: dict[HashKey, str] = {}
        for (tenant, record_id), intent in sorted(self.intents.items()):
            if intent.profile:
                first.setdefault((tenant, intent.profile), record_id)
        written = Written(
            records=list(changed.values()),
            seen=self.seen | self.members,
            keys={k: s for k, s in after.items() if s != self.states.get(k)},
            held=held,
            left=left,
            profiles=first,
        )
        if (changed or written.keys or held or left) and not await repository.write(
            self.tx, written
        ):
            raise _Wider
        rows = {k: changed.get(k) or self.seen[k] for k in self.all_intents}
        # Also of records that were meant: of one that came in an older revision nothing else is told.
        moved = [r for k, r in changed.items() if self._moved(k, r)]
        return Outcome(rows, moved)

    def _clustered(
        self, edges: Iterable[EdgeRow], generic: Mapping[HashKey, bool]
    ) -> dict[RecordKey, Row]:
        result: dict[RecordKey, Row] = {}
        for tenant, atoms in self._by_tenant().items():
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
                for record_id in person.members:
                    key = (tenant, record_id)
                    row = self._row(key, person.component, name, person.account)
                    if row.manual != (person.component in spoken_of):
                        row = msgspec.structs.replace(row, manual=not row.manual)
                    result[key] = row
        return result

    def _row(self, key: RecordKey, component: str, person: str, account: str) -> Row:
        before = self.members.get(key) or self.seen.get(key)
        intent = self.intents.get(key)
        row = before or Row(tenant=key[0], record_id=key[1])
        if intent and intent.atom:
            row = msgspec.structs.replace(
                row,
                atom=_encode(intent.atom),
                identifiers=intent.identifiers,
                profile=intent.profile,
            )
            if not intent.reread:
                row = msgspec.structs.replace(
                    row,
                    rev_version=intent.rev_version,
                    source=intent.source,
                    occurred_at=intent.occurred_at,
                )
        if before is None or (before.person, before.account) != (person, account):
            row = msgspec.structs.replace(
                row, person=person, account=account, counter=row.counter + 1, decided_at=self.now
            )
        return (
            row if row.component == component else msgspec.structs.replace(row, component=component)
        )

    def _followed(self, key: RecordKey, intent: Intent) -> Row:
        twin = self.twins[key]
        return Row(
            tenant=key[0],
            record_id=key[1],
            rev_version=intent.rev_version,
            source=intent.source,
            occurred_at=intent.occurred_at,
            identifiers=intent.identifiers,
            atom=_encode(intent.atom),
            component=twin.component,
            person=twin.person,
            account=twin.account,
            counter=1,
            decided_at=self.now,
            profile=intent.profile,
        )

    def _emptied(self, key: RecordKey) -> Row:
        before = self.members.get(key) or self.seen.get(key)
        counter = before.counter + 1 if before else 1
        return Row(
            tenant=key[0], record_id=key[1], counter=counter, decided_at=self.now, erased=True
        )

    def _moved(self, key: RecordKey, row: Row) -> bool:
        before = self.members.get(key) or self.seen.get(key)
        return before is not None and before.counter != row.counter and not row.erased

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


def accepts(row: Row) -> bool:
    """The erased guard: the emptied row accepts nothing ever again."""
    return not row.erased


def newer(intent: Intent, row: Row) -> bool:
    """The version test: only a greater revision may replace what is there."""
    return intent.rev_version > row.rev_version


def second_look(
    held: Mapping[HashKey, KeyState], now: Mapping[HashKey, KeyState], locked: set[RecordKey]
) -> set[RecordKey]:
    """Components that the values lead to now and that are not locked.

    Raises `_Wider` where a value turned generic or back, or lost its last holder.
    """
    found = {(k[0], s.component) for k, s in now.items() if s.component and not s.generic} - locked
    for key, state in held.items():
        # One that has become free is claimed by its own lock; generic or not, it is held by other locks.
        freed = now[key] == FREE and state != FREE
        if freed or now[key].generic != state.generic:
            raise _Wider(found)
    return found


def stands(now: Twin | None, before: Twin) -> bool:
    """The second look-up of a twin: whether it is still where it was, in a component that is locked by now."""
    return now is not None and now.component == before.component


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
