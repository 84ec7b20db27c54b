"""The taxonomy as data: what is refused, what changes between versions."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voc_taxonomy.domain.tree import (
    MAX_NODES,
    Changes,
    InvalidTaxonomy,
    Node,
    Taxonomy,
    diff,
    published,
    validate,
)

STAGES = ("onboarding", "support")


def tree(*nodes: Node, **more: object) -> Taxonomy:
    return Taxonomy(nodes, STAGES, **more)  # pyright: ignore[reportArgumentType]


def problems(taxonomy: Taxonomy) -> tuple[str, ...]:
    with pytest.raises(InvalidTaxonomy) as raised:
        validate(taxonomy)
    return raised.value.problems


def test_a_sound_taxonomy_passes() -> None:
    sound = tree(
        Node("money", "Money"),
        Node("money-late", "Late money", "money", stages=("support",), owner="billing"),
        background=("hello\tthere\nagain",),
    )
    assert validate(sound) is sound


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (Node("Money", "x"), "no slug"),
        (Node("a" * 65, "x"), "no slug"),
        (Node("a--b", "x"), "no slug"),
        (Node("", "x"), "no slug"),
        (Node("ok\n", "x"), "no slug"),
        (Node("ok", " "), "name is empty"),
        (Node("ok", "x" * 121), "longer than 120"),
        (Node("ok", "a\0b"), "U+0000"),
        (Node("ok", "a\x1bb"), "U+001B"),
        (Node("ok", "a\ud800"), "U+D800"),
        (Node("ok", "a\u202eb"), "U+202E"),
        (Node("ok", "x", definition="d" * 1001), "longer than 1000"),
        (Node("ok", "x", examples=("fine", " ")), "examples 2 is empty"),
        (Node("ok", "x", examples=("e",) * 501), "more than 500 examples"),
        (Node("ok", "x", terms=("t" * 121,)), "terms 1 is longer"),
        (Node("ok", "x", owner="Group A"), "owner"),
        (Node("ok", "x", stages=("moon",)), "stage 'moon'"),
        (Node("ok", "x", "nowhere"), "parent 'nowhere' does not exist"),
        (Node("ok", "x", "ok"), "cycle"),
        (Node("ok", "x", replaces=("No Slug",)), "replaces"),
    ],
)
def test_what_is_refused_names_its_node(node: Node, said: str) -> None:
    (problem,) = problems(tree(node))
    assert said in problem
    assert repr(node.id[:64]) in problem


def test_every_problem_is_told_at_once() -> None:
    told = problems(tree(Node("a", ""), Node("b", "b", "gone"), Node("b", "b")))
    assert len(told) == 3


def test_bounds_of_the_whole() -> None:
    assert problems(tree()) == ("a taxonomy needs at least one node",)
    many = tuple(Node(f"n{i}", "n") for i in range(MAX_NODES + 1))
    assert problems(tree(*many)) == (f"more than {MAX_NODES} nodes",)
    deep = [Node("d0", "d"), *(Node(f"d{i}", "d", f"d{i - 1}") for i in range(1, 5))]
    assert problems(tree(*deep)) == ("node 'd4': deeper than 4 levels",)
    assert validate(tree(*deep[:-1]))


@given(st.lists(st.integers(-1, 5), min_size=1, max_size=6))
def test_cycles_and_only_cycles_are_refused(parents: list[int]) -> None:
    """Against an independent walk: a node is on its way to a root, or it never gets there."""
    n = len(parents)
    parents = [p if p < n else -1 for p in parents]
    nodes = [Node(f"n{i}", "n", "" if p < 0 else f"n{p}") for i, p in enumerate(parents)]

    def steps(i: int) -> int:
        for count in range(n + 1):
            if i < 0:
                return count
            i = parents[i]
        return -1

    sound = all(0 <= steps(i) <= 4 for i in range(n))
    if sound:
        assert validate(tree(*nodes))
    else:
        assert problems(tree(*nodes))


@given(st.text(max_size=40))
def test_any_text_is_either_storable_or_refused(text: str) -> None:
    taxonomy = tree(Node("ok", "name", definition=text))
    try:
        validate(taxonomy)
    except InvalidTaxonomy:
        return
    assert "\0" not in text
    assert msgspec.json.decode(msgspec.json.encode(taxonomy), type=Taxonomy) == taxonomy


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.json.decode(b'{"nodes":[{"id":"a","name":"A","colour":"red"}]}', type=Taxonomy)


def test_diff_tells_every_kind_of_change() -> None:
    old = tree(
        Node("a", "A"),
        Node("b", "B", "a", owner="x"),
        Node("c", "C", examples=("one",)),
        Node("gone", "Gone"),
        Node("one", "One"),
        Node("two", "Two"),
        Node("wide", "Wide"),
    )
    new = tree(
        Node("a", "A renamed"),
        Node("b", "B", owner="y"),
        Node("c", "C", examples=("one", "two")),
        Node("both", "Both", replaces=("one", "two")),
        Node("left", "Left", replaces=("wide",)),
        Node("right", "Right", replaces=("wide",)),
        background=("hello",),
    )
    assert diff(old, new) == Changes(
        added=("both", "left", "right"),
        removed=("gone", "one", "two", "wide"),
        renamed=("a",),
        moved=("b",),
        rerouted=("b",),
        retaught=("", "c"),
        merged=(("one", "both"), ("two", "both")),
        split=(("wide", "left"), ("wide", "right")),
    )
    assert diff(new, new) == Changes()


def test_stage_is_the_nodes_own_or_the_nearest_ancestors() -> None:
    taxonomy = tree(
        Node("a", "A", stages=("support", "onboarding")),
        Node("b", "B", "a"),
        Node("c", "C", "b", stages=("onboarding",)),
        Node("d", "D"),
    )
    assert [taxonomy.stage_of(i) for i in "abcd"] == ["support", "support", "onboarding", ""]
    assert taxonomy.stage_of("unheard-of") == ""
    assert list(taxonomy.lineage("c")) == ["b", "a"]


def test_what_later_services_get_holds_no_examples() -> None:
    (node,) = published(tree(Node("a", "A", kind="praise", owner="o", examples=("secret",))))
    assert (node.id, node.kind, node.owner) == ("a", "praise", "o")
    assert b"secret" not in msgspec.json.encode(node)
