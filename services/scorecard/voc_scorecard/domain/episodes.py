"""Outbreaks made of alarms: one issue for all cells that one fault makes hot, with its states.

A fold over alarms in order of time. What an episode said at a moment never changes by what comes later,
so history can be replayed without hindsight and live alarms continue where it ended.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from voc_scorecard.domain.cells import BUCKET, MINUTE, Place, Scope
from voc_scorecard.domain.detector import Alarm

State = Literal["new", "escalating", "ongoing", "regressed", "resolved"]
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Rules:
    """When an episode changes its state; times in microseconds.

    `quiet` without an alarm ends it. It escalates when its excess is `growth` times that at its last
    change. New turns to ongoing after `settle`. The same cause again within `relapse` of its end has
    regressed. A segment or product is named if it holds `explains` of the cause's excess. Another cause
    that rose at the same time (`slack`) as an open episode is taken for mislabelled feedback of it: in the
    same segment and product always, of the same theme or stage if its excess is at most `echo` of the
    episode's; later too, in the episode's segment or product, while its excess is not above the episode's.
    """

    quiet: int = 2 * DAY
    growth: float = 2.0
    settle: int = DAY
    relapse: int = 28 * DAY
    explains: float = 0.7
    echo: float = 0.5
    slack: int = 6 * HOUR


@dataclass(frozen=True, slots=True)
class Change:
    """An episode as it stood when its state changed at `at`."""

    at: int
    state: State
    scope: Scope
    alarm: Alarm


@dataclass(frozen=True, slots=True)
class Episode:
    """One outbreak.

    `opened_at` and `cause` with `stage` name it for good (`stage` alone if no cause stands out); `scope`
    is the narrowest cell that explains it so far. `strongest` maps each of its cells to its alarm with
    the most evidence. `seen_at` is its latest alarm; when resolved, that is when it ended. `most` is the
    greatest excess of people that an alarm of its cause has told of.
    """

    opened_at: int
    seen_at: int
    state: State
    scope: Scope
    strongest: Mapping[Scope, Alarm]
    changes: tuple[Change, ...]
    most: float

    @property
    def cause(self) -> str:
        """The cause that is hot; empty if only a stage is."""
        return self.scope.cause

    @property
    def lead(self) -> Alarm:
        """The alarm with the most evidence among the cells of its cause."""
        own = [a for s, a in self.strongest.items() if s.cause == self.cause]
        return max(own, key=lambda a: (a.raised, a.evidence))

    @property
    def onset(self) -> tuple[int, int, int]:
        """Estimated onset and its range: of the opening alarm or the one that leads, the earlier."""
        first = min(self.changes[0].alarm, self.lead, key=lambda a: a.onset)
        return first.onset, first.onset_from, first.onset_to


def episodes(
    alarms: Iterable[Alarm],
    until: int,
    places: Mapping[str, Place],
    rules: Rules | None = None,
    before: Sequence[Episode] = (),
) -> tuple[Episode, ...]:
    """All episodes after `alarms` (in order of time), as seen at `until` (UTC microseconds).

    `before` are the episodes so far, resolved ones included, and `alarms` then only the new ones.
    """
    rules = rules or Rules()
    known = list(before)
    for at, together in groupby(alarms, key=lambda a: a.detected_at):
        known = [_rest(e, at, rules) for e in known]
        known = _take(known, list(together), at, places, rules)
    return tuple(_rest(e, until, rules) for e in known)


def _take(
    known: list[Episode],
    alarms: list[Alarm],
    at: int,
    places: Mapping[str, Place],
    rules: Rules,
) -> list[Episode]:
    """The episodes after the alarms of one moment."""
    mine: dict[int, list[Alarm]] = {}
    strangers: list[Alarm] = []
    for alarm in alarms:
        home = _home(known, alarm, places)
        if home is not None:
            mine.setdefault(home, []).append(alarm)
        elif alarm.raised and not (
            _is_over(known, alarm, rules) or _is_echo(known, alarm, places, rules)
        ):
            strangers.append(alarm)
    after = [
        _grow(episode, mine[i], at, places, rules) if i in mine else episode
        for i, episode in enumerate(known)
    ]
    # causes first, so that a stage that is hot because of one of them opens nothing of its own
    strangers.sort(key=lambda a: (not a.scope.cause, -a.evidence))
    for alarm in strangers:
        home = _home(after, alarm, places)
        if home is None and _is_echo(after, alarm, places, rules):
            continue
        if home is None:
            after.append(_open(after, alarm, at, places, rules))
        else:
            after[home] = _grow(after[home], [alarm], at, places, rules)
    return after


def _home(known: Sequence[Episode], alarm: Alarm, places: Mapping[str, Place]) -> int | None:
    """The open episode to which an alarm belongs: that of its cause, else of its theme or stage."""
    running = [i for i, e in enumerate(known) if e.state != "resolved"]
    for i in running:
        if alarm.scope.cause and known[i].cause == alarm.scope.cause:
            return i
    for i in reversed(running):
        if _kin(known[i].scope, alarm.scope, places):
            return i
    return None


def _kin(one: Scope, other: Scope, places: Mapping[str, Place]) -> bool:
    """Whether one is the theme or the stage in which the other's cause stands."""

    def above(wide: Scope, narrow: Scope) -> bool:
        place = places.get(narrow.cause, Place(stage=narrow.stage))
        if wide.cause:
            return bool(place.parent) and place.parent == wide.cause
        return bool(wide.stage) and wide.stage == place.stage

    return above(one, other) or above(other, one)


def _is_echo(
    known: Sequence[Episode], alarm: Alarm, places: Mapping[str, Place], rules: Rules
) -> bool:
    """Whether an alarm comes from feedback of an open episode that was given another cause."""
    place = places.get(alarm.scope.cause, Place())
    for episode in known:
        _, earliest, latest = episode.onset
        if episode.state == "resolved" or alarm.onset_to < earliest - rules.slack:
            continue
        together = alarm.onset_from <= latest + rules.slack
        here, there = alarm.scope, episode.scope
        same = here.segment and (here.segment, here.product) == (there.segment, there.product)
        if same and together:
            return True
        theirs = places.get(episode.cause, Place())
        near = (place.parent and place.parent == theirs.parent) or (
            place.stage and place.stage == theirs.stage
        )
        if near and together and alarm.excess <= rules.echo * episode.most:
            return True
        if _meet(here, there) and alarm.excess <= episode.most:
            return True
    return False


def _meet(one: Scope, other: Scope) -> bool:
    """Whether both name the same segment or the same product, and contradict each other in neither."""
    pairs = ((one.segment, other.segment), (one.product, other.product))
    return any(a and a == b for a, b in pairs) and not any(a and b and a != b for a, b in pairs)


def _is_over(known: Sequence[Episode], alarm: Alarm, rules: Rules) -> bool:
    """Whether a long window only still sees an outbreak that has ended."""
    return not alarm.going and any(
        e.state == "resolved"
        and e.cause == alarm.scope.cause
        and alarm.detected_at - e.seen_at <= rules.quiet + alarm.window * BUCKET
        for e in known
    )


def _open(
    known: Sequence[Episode], alarm: Alarm, at: int, places: Mapping[str, Place], rules: Rules
) -> Episode:
    again = any(
        e.state == "resolved" and e.cause == alarm.scope.cause and at - e.seen_at <= rules.relapse
        for e in known
    )
    state: State = "regressed" if again else "new"
    scope = _narrowest({alarm.scope: alarm}, places, rules)
    change = Change(at, state, scope, alarm)
    return Episode(at, at, state, scope, {alarm.scope: alarm}, (change,), alarm.excess)


def _grow(
    episode: Episode, alarms: list[Alarm], at: int, places: Mapping[str, Place], rules: Rules
) -> Episode:
    strongest = dict(episode.strongest)
    for alarm in alarms:
        best = strongest.get(alarm.scope)
        if best is None or (alarm.raised, alarm.evidence) > (best.raised, best.evidence):
            strongest[alarm.scope] = alarm
    scope = _narrowest(strongest, places, rules)
    # neither a wider cell, nor one that never was hot itself, nor a long window that still sees its
    # beginning may keep an outbreak alive
    own = [
        a for a in alarms if a.scope.cause == scope.cause and strongest[a.scope].raised and a.going
    ]
    episode = replace(
        episode,
        strongest=strongest,
        scope=scope,
        seen_at=at if own else episode.seen_at,
        most=max([episode.most, *(a.excess for a in own)]),
    )
    last = episode.changes[-1]
    most = max((a for a in own if a.raised), key=lambda a: a.excess, default=None)
    if most and most.excess >= rules.growth * last.alarm.excess:
        return _change(episode, at, "escalating", most)
    if episode.state not in {"ongoing", "resolved"} and at - last.at >= rules.settle and own:
        return _change(episode, at, "ongoing", max(own, key=lambda a: (a.raised, a.excess)))
    return episode


def _change(episode: Episode, at: int, state: State, alarm: Alarm) -> Episode:
    change = Change(at, state, episode.scope, alarm)
    return replace(episode, state=state, changes=(*episode.changes, change))


def _rest(episode: Episode, at: int, rules: Rules) -> Episode:
    """Ends an episode that has been quiet for long enough."""
    if episode.state == "resolved" or at < episode.seen_at + rules.quiet:
        return episode
    return _change(episode, episode.seen_at + rules.quiet, "resolved", episode.lead)


def _narrowest(
    strongest: Mapping[Scope, Alarm], places: Mapping[str, Place], rules: Rules
) -> Scope:
    """The narrowest scope that explains the alarms: a cause before its stage, then where it happens."""
    causes = [a for a in strongest.values() if a.scope.cause and a.raised]
    if not causes:
        return min(strongest)
    parents = {places.get(a.scope.cause, Place()).parent for a in causes}
    leaves = [a for a in causes if a.scope.cause not in parents] or causes
    cause = max(leaves, key=lambda a: a.evidence).scope.cause
    own = [a for a in leaves if a.scope.cause == cause]
    whole = max((a.excess for a in own if not (a.scope.segment or a.scope.product)), default=0.0)
    where: dict[str, str] = {}
    for dimension in ("segment", "product"):
        named = [
            a for a in own if getattr(a.scope, dimension) and a.excess >= rules.explains * whole
        ]
        if named:
            where[dimension] = getattr(max(named, key=lambda a: a.evidence).scope, dimension)
    return Scope(cause=cause, stage=places.get(cause, Place()).stage, **where)
