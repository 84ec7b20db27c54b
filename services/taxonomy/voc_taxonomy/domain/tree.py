"""The taxonomy as data: a versioned tree of root causes, what makes it valid, what changed between versions."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Literal

from msgspec import Meta, Struct
from voc_common.events import CauseNode

Kind = Literal["defect", "question", "request", "praise"]

SLUG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
"""The form of ids: they never change, names may."""

MAX_NODES, MAX_DEPTH, MAX_STAGES = 1000, 4, 30
MAX_ID, MAX_NAME, MAX_DEFINITION = 64, 120, 1000
MAX_REPLACED = 100
MAX_EXAMPLES, MAX_EXAMPLE, MAX_TERMS, MAX_TERM = 500, 2000, 200, 120

_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Node(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A root cause, or a family of them (whatever others name as `parent`).

    `examples` are sentences of people who speak of the cause, `terms` short phrases for it; both teach
    the model. `owner` is the work group that is accountable, `stages` the journey stages where the cause
    is met, the usual one first. `replaces` names the ids of earlier versions whose place the node takes:
    two ids in one node are a merge, one id in two nodes a split.
    """

    id: str
    name: str
    parent: str = ""
    kind: Kind = "defect"
    owner: str = ""
    stages: tuple[str, ...] = ()
    definition: str = ""
    terms: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    playbook: str = ""
    replaces: tuple[str, ...] = ()


class Taxonomy(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, dict=True):
    """A version of a tenant's taxonomy, whole.

    `stages` are the journey stages in order. `background` are texts that speak of no cause (greetings,
    small talk): they teach the model to abstain.
    """

    nodes: tuple[Node, ...]
    stages: tuple[str, ...] = ()
    background: tuple[str, ...] = ()
    version: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    title: str = ""

    @cached_property
    def by_id(self) -> Mapping[str, Node]:
        """The nodes by id."""
        return {n.id: n for n in self.nodes}

    def lineage(self, cause: str) -> Iterator[str]:
        """The ancestors of a node, nearest first; none if it is unknown. Stops at a cycle."""
        seen = {cause}
        node = self.by_id.get(cause)
        while node is not None and node.parent and node.parent not in seen:
            seen.add(node.parent)
            yield node.parent
            node = self.by_id.get(node.parent)

    def stage_of(self, cause: str) -> str:
        """The journey stage of a cause: the first that its node or the nearest ancestor names."""
        for at in (cause, *self.lineage(cause)):
            node = self.by_id.get(at)
            if node is not None and node.stages:
                return node.stages[0]
        return ""


class InvalidTaxonomy(ValueError):
    """A taxonomy breaks rules; `problems` names each of them."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def validate(taxonomy: Taxonomy) -> Taxonomy:
    """The taxonomy itself. InvalidTaxonomy: with every problem, each naming its node."""
    problems = tuple(_problems(taxonomy))
    if problems:
        raise InvalidTaxonomy(problems)
    return taxonomy


def _problems(taxonomy: Taxonomy) -> Iterator[str]:
    if not taxonomy.nodes:
        yield "a taxonomy needs at least one node"
    if len(taxonomy.nodes) > MAX_NODES:
        yield f"more than {MAX_NODES} nodes"
        return
    if len(taxonomy.stages) > MAX_STAGES:
        yield f"more than {MAX_STAGES} stages"
    for stage in taxonomy.stages:
        if not _is_slug(stage):
            yield f"stage {stage!r} is no slug (a-z, 0-9, hyphens)"
    yield from _text("title", taxonomy.title, MAX_NAME)
    yield from _texts("background", taxonomy.background, MAX_EXAMPLES, MAX_EXAMPLE)
    for name, times in Counter(n.id for n in taxonomy.nodes).items():
        if times > 1:
            yield f"id {name!r} is used {times} times"
    for node in taxonomy.nodes:
        for problem in _node_problems(taxonomy, node):
            yield f"node {node.id[:MAX_ID]!r}: {problem}"


def _node_problems(taxonomy: Taxonomy, node: Node) -> Iterator[str]:
    if not _is_slug(node.id):
        yield f"the id is no slug (a-z, 0-9, hyphens, at most {MAX_ID} characters)"
    if not node.name.strip():
        yield "the name is empty"
    yield from _text("name", node.name, MAX_NAME)
    yield from _text("definition", node.definition, MAX_DEFINITION)
    yield from _text("playbook", node.playbook, MAX_NAME)
    yield from _texts("examples", node.examples, MAX_EXAMPLES, MAX_EXAMPLE)
    yield from _texts("terms", node.terms, MAX_TERMS, MAX_TERM)
    if node.owner and not _is_slug(node.owner):
        yield f"owner {node.owner[:MAX_ID]!r} is no slug"
    if len(node.stages) > MAX_STAGES:
        yield f"more than {MAX_STAGES} stages"
    if len(node.replaces) > MAX_REPLACED:
        yield f"replaces more than {MAX_REPLACED} others"
    for stage in node.stages[:MAX_STAGES]:
        if stage not in taxonomy.stages:
            yield f"stage {stage[:MAX_ID]!r} is not among the stages of the taxonomy"
    for former in node.replaces[:MAX_REPLACED]:
        if not _is_slug(former):
            yield f"replaces {former[:MAX_ID]!r}, which is no slug"
    yield from _ancestry_problems(taxonomy, node)


def _ancestry_problems(taxonomy: Taxonomy, node: Node) -> Iterator[str]:
    seen = [node.id]
    at = node
    while at.parent:
        if at.parent in seen:
            yield "its parents form a cycle"
            return
        if at.parent not in taxonomy.by_id:
            if at is node:
                yield f"parent {at.parent[:MAX_ID]!r} does not exist"
            return
        if len(seen) == MAX_DEPTH:
            yield f"deeper than {MAX_DEPTH} levels"
            return
        seen.append(at.parent)
        at = taxonomy.by_id[at.parent]


def _is_slug(value: str) -> bool:
    return len(value) <= MAX_ID and SLUG.fullmatch(value) is not None


def _texts(name: str, values: tuple[str, ...], many: int, length: int) -> Iterator[str]:
    if len(values) > many:
        yield f"more than {many} {name}"
        return
    for i, value in enumerate(values, 1):
        if not value.strip():
            yield f"{name} {i} is empty"
        yield from _text(f"{name} {i}", value, length)


def _text(name: str, value: str, length: int) -> Iterator[str]:
    """Refuse what cannot be stored or would deceive a reader: control characters, half surrogates,
    characters that turn the direction of writing."""
    if len(value) > length:
        yield f"{name} is longer than {length} characters"
        return
    for char in value:
        if char not in "\n\t" and (
            unicodedata.category(char) in ("Cc", "Cs") or char in _DIRECTION
        ):
            yield f"{name} holds the forbidden character U+{ord(char):04X}"
            return


def published(taxonomy: Taxonomy) -> tuple[CauseNode, ...]:
    """The nodes as later services need them."""
    return tuple(
        CauseNode(n.id, n.name, n.stages, n.kind, n.parent, n.owner, n.definition)
        for n in taxonomy.nodes
    )


class Changes(Struct, frozen=True, omit_defaults=True):
    """What a newer version does to an older one; all by id, in the order of the trees.

    `renamed`, `moved` (another parent), `rerouted` (owner, stages, kind or playbook) and `retaught`
    (definition, terms or examples) concern nodes of both versions. `merged` and `split` tell where an
    id that is gone went: (old, new), as the new nodes' `replaces` say. A changed background is
    `retaught` under the empty id.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    rerouted: tuple[str, ...] = ()
    retaught: tuple[str, ...] = ()
    merged: tuple[tuple[str, str], ...] = ()
    split: tuple[tuple[str, str], ...] = ()


def diff(old: Taxonomy, new: Taxonomy) -> Changes:
    """What `new` changes in `old`."""
    both = [(old.by_id[n.id], n) for n in new.nodes if n.id in old.by_id]
    went = [
        (f, n.id) for n in new.nodes for f in n.replaces if f in old.by_id and f not in new.by_id
    ]
    heirs = Counter(former for former, _ in went)
    background = ("",) if old.background != new.background else ()
    return Changes(
        added=tuple(n.id for n in new.nodes if n.id not in old.by_id),
        removed=tuple(n.id for n in old.nodes if n.id not in new.by_id),
        renamed=tuple(b.id for a, b in both if a.name != b.name),
        moved=tuple(b.id for a, b in both if a.parent != b.parent),
        rerouted=tuple(b.id for a, b in both if _route(a) != _route(b)),
        retaught=background + tuple(b.id for a, b in both if _lessons(a) != _lessons(b)),
        merged=tuple((f, n) for f, n in went if heirs[f] == 1),
        split=tuple((f, n) for f, n in went if heirs[f] > 1),
    )


def _route(node: Node) -> tuple[object, ...]:
    return node.owner, node.stages, node.kind, node.playbook


def _lessons(node: Node) -> tuple[object, ...]:
    return node.definition, node.terms, node.examples
