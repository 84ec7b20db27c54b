"""The locking recipe: change some records, and cluster anew whatever that touches.

Any number of workers may do this at once; the partition that results is the one of all records. The
order is: claim the values, lock the components that they lead to, look again, and only then write:

1. new values are claimed, sorted, by making their rows: two transactions with the same new value meet
   there, and where they lock the values that were held once and are not now;
2. the components of all values, of the former values and of manual edges are locked, sorted;
3. values and records are looked up again. If a component is not among the locked ones, somebody
   merged or split between 1 and 2, or the last holder of a value has gone: everything is given back
   and tried with the wider set;
4. the pure `cluster` decides on one record of each profile among the members; what changed is written, the records
   last, and whoever tells the same goes along.

A new record that tells exactly what an earlier one tells (its twin, most records have one) belongs where
that one belongs (`Found.follow`): its component is locked as any other, but not clustered. What is written looks
at the twin again (`repository.records.TWIN`); if it is not as it was seen, everything is given back and tried again.
"""

from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace
from voc_common.postgres import Transaction
from voc_common.postgres.database import Retry

from voc_identity import repository
from voc_identity.domain.components import generic_values
from voc_identity.domain.records import Rules
from voc_identity.handlers.found import Found, Intent, hashes
from voc_identity.repository import EdgeRow, HashKey, KeyState, RecordKey, Row

_ATTEMPTS = 12
FREE = KeyState("", False)
"""A value that nobody holds."""


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
        self.anchors = anchors
        self.wider = wider
        self.all_intents = intents
        self.made: dict[HashKey, KeyState] = {}
        self.found = Found(rules, now)

    async def run(self) -> Outcome:
        """The recipe."""
        profiles = dict.fromkeys(self.anchors, b"")
        profiles |= {k: i.profile for k, i in self.all_intents.items()}
        found = self.found
        found.seen, twins, found.noted = await repository.rows_or_twins(self.tx, profiles)
        for key in sorted(self.all_intents):
            intent, twin = self.all_intents[key], twins.get(key)
            if not (twin and found.follow(key, intent, twin)) and self._wanted(key, intent):
                found.intents[key] = intent
        self.found.atoms_before = {k: r.record for k, r in self.found.seen.items() if r.atom}
        edges: list[EdgeRow] = []
        generic: dict[HashKey, bool] = {}
        if self.found.intents or self.anchors:
            held = await self._claim()
            locked = await self._lock(held)
            await self._look_again(locked, held)
            edges = await self._edges()
            generic = await self._generic()
        elif self.found.following:
            await repository.lock_components(self.tx, self._twin_components())
        return await self._write(edges, generic)

    def _twin_components(self) -> set[RecordKey]:
        return {(k[0], r.component) for k, r in self.found.following.items()}

    def _wanted(self, key: RecordKey, intent: Intent) -> bool:
        """The erased guard and the version test: an erased row accepts nothing, an older revision changes nothing."""
        row = self.found.seen.get(key)
        if row is None:
            return True
        if not accepts(row):
            return False
        return intent.told is None or newer(intent, row)

    async def _claim(self) -> dict[HashKey, KeyState]:
        """Claim the values of the new atoms; returns what is known of those that were there, and of the former ones."""
        arriving = self.found.arriving()
        leaving = self.found.leaving()
        held = await repository.look_up(self.tx, arriving | leaving)
        if likely := self.found.likely(held):
            made = await repository.claim_keys(self.tx, likely)
            self.made = {k: KeyState(likely[k], False) for k in made}
            if waited := likely.keys() - made:
                held |= await repository.look_up(self.tx, waited)
        if free := {k for k in arriving if held.get(k) == FREE}:
            await repository.hold_free(self.tx, free)
            held |= await repository.look_up(self.tx, free)
        generic = {k for k, state in held.items() if state.generic}
        if generic:
            await repository.hold_generic(self.tx, generic & arriving, generic & leaving)
        return held

    async def _lock(self, held: Mapping[HashKey, KeyState]) -> set[RecordKey]:
        components = {(k[0], s.component) for k, s in held.items() if s.component and not s.generic}
        components |= {(k[0], r.component) for k, r in self.found.seen.items() if r.component}
        components |= self.wider
        # What is clustered anew anyway is clustered with all of its new records.
        for key, row in list(self.found.following.items()):
            if (key[0], row.component) in components:
                del self.found.following[key]
                self.found.intents[key] = self.all_intents[key]
        all_of_them = components | self._twin_components()
        if all_of_them:
            await repository.lock_components(self.tx, all_of_them)
        return components

    async def _look_again(self, locked: set[RecordKey], held: Mapping[HashKey, KeyState]) -> None:
        """The second look-up: what was found before the locks may have been merged or split since.

        Records that tell the same go together (parted by a value of too many they belong to nobody, all of them),
        so one speaks for all; but each for itself where one is meant, or people have said something of any.
        """
        found = self.found
        whole = {(k[0], r.component) for k, r in found.seen.items() if r.component}
        speaking = await repository.speakers(self.tx, locked - whole) if locked - whole else {}
        speakers = {k: r for k, (r, _) in speaking.items()}
        found.members = speakers | (await repository.members(self.tx, whole) if whole else {})
        atoms = {k: r.record for k, r in found.members.items()}
        atoms |= {k: replace(atoms[k], first=first) for k, (_, first) in speaking.items()}
        found.states = await repository.look_up(
            self.tx, (held.keys() | hashes(atoms) | found.arriving()) - self.made.keys()
        )
        missing = second_look(held, found.states, locked)
        stale = {k for k in self.all_intents if k in found.members and k not in found.seen}
        stale |= {k for k, r in found.seen.items() if r.component and found.members.get(k) != r}
        missing |= {(k[0], found.seen[k].component) for k in stale if k in found.seen} - locked
        if missing or stale:
            raise _Wider(missing)
        found.states |= self.made
        found.universe = found.carried_out(atoms)
        found.speakers = {k for k, r in speakers.items() if r.profile}
        if manual := found.spoken_of():
            rows = await repository.members(self.tx, manual)
            found.members |= rows
            found.speakers -= rows.keys()
            found.universe |= {k: r.record for k, r in rows.items() if k not in found.intents}

    async def _edges(self) -> list[EdgeRow]:
        """The manual edges of all members; a `must` that leads outside widens the set."""
        each = self.found.members.keys() - self.found.speakers
        edges = await repository.edges(self.tx, each | self.found.intents.keys())
        ends = {
            (e.tenant, r)
            for e in edges
            if e.kind == "must"
            for r in (*e.left_records, *e.right_records)
        }
        outside = ends - self.found.universe.keys() - self.found.intents.keys()
        if outside:
            rows = await repository.rows(self.tx, outside)
            there = {(k[0], r.component) for k, r in rows.items() if r.component}
            if there:
                raise _Wider(there)
        return edges

    async def _generic(self) -> dict[HashKey, bool]:
        """For every value of the universe, whether it links nobody, by the records that hold it now."""
        leaving = self.found.leaving()
        by_tenant = self.found.by_tenant()
        found = {
            (t, h)
            for t, atoms in by_tenant.items()
            for h in generic_values(atoms, self.found.rules)
        }
        result: dict[HashKey, bool] = {}
        for key in hashes(self.found.universe) | leaving:
            state = self.found.states.get(key)
            if state is None or not state.generic:
                result[key] = key in found  # all holders are here: they share the component
            elif key not in leaving:
                result[key] = True  # a value never becomes less generic by being held once more
            else:
                result[key] = await self._still_generic(key)
        return result

    async def _still_generic(self, key: HashKey) -> bool:
        """Whether a generic value stays so; if not, all its holders must be clustered with us."""
        rows = {r.key: r for r in await repository.holders(self.tx, [key])}
        atoms = {k: r.record for k, r in rows.items() if k not in self.found.intents and r.atom}
        for k, intent in self.found.intents.items():
            if intent.told and any(v.hash == key[1] for v in intent.told.atom.keys):
                atoms[k] = intent.told.atom
        if key[1] in generic_values(atoms.values(), self.found.rules):
            return True
        # By component: who is noted of a profile need not be who speaks for it.
        there = {(k[0], r.component) for k, r in self.found.members.items()}
        outside = {(k[0], r.component) for k, r in rows.items() if k in atoms} - there
        if outside:
            raise _Wider(outside)
        return False

    async def _write(self, edges: Iterable[EdgeRow], generic: Mapping[HashKey, bool]) -> Outcome:
        found = self.found
        changed = found.changed(edges, generic)
        written = found.written(changed, generic)
        carried = await repository.write(self.tx, written) if written.anything else []
        if carried is None:
            raise _Wider
        now = changed | found.following
        rows = {k: now.get(k) or found.seen[k] for k in self.all_intents}
        # Also of records that were meant: of one that came in an older revision nothing else is told.
        moved = [r for k, r in changed.items() if found.moved(k, r)]
        return Outcome(rows, moved + [r for r in carried if r.decided_at == found.now])


def accepts(row: Row) -> bool:
    """The erased guard: the emptied row accepts nothing ever again."""
    return not row.erased


def newer(intent: Intent, row: Row) -> bool:
    """The version test: only a greater revision, or its own read anew, may replace what is there."""
    return intent.revision is None or intent.revision.version > row.rev_version


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
