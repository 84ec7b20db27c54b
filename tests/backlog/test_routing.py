"""Owners: the most specific route, then the cause's, the stage's, the fallback; nothing is without one."""

from hypothesis import given
from hypothesis import strategies as st
from voc_backlog.domain.ground import Ground, Policy, Route
from voc_backlog.domain.routing import lineage_of, owner_of
from voc_common.events import CauseNode

NODES = {
    "delivery": CauseNode("delivery", "Delivery", owner="logistics"),
    "late": CauseNode("late", "Late", ("fulfilment",), parent="delivery"),
    "lost": CauseNode("lost", "Lost", parent="delivery", owner="claims"),
}
ANY = Route(owner="any")


def owner(
    cause: str = "late", stage: str = "", product: str = "", *routes: Route, **policy: object
):
    ground = Ground(tenant="t", nodes=NODES, routes=routes, policy=Policy(**policy))  # type: ignore[arg-type]
    return owner_of(("t", cause, stage, product), ground)


def test_without_routes_the_cause_owns_or_what_is_above_it():
    assert owner("lost") == ("claims", "cause")
    assert owner("late") == ("logistics", "cause")


def test_then_the_stage_then_the_fallback():
    stages = {"fulfilment": "ops", "trial": "growth"}
    assert owner("new", "trial", stage_owners=stages) == ("growth", "stage")
    assert owner("new", stage_owners=stages) == ("customer-experience", "fallback")
    assert owner("", "", "app", fallback_owner="ceo") == ("ceo", "fallback")


def test_the_most_specific_route_wins():
    routes = (
        ANY,
        Route(owner="by stage", stage="fulfilment"),
        Route(owner="by product", product="app"),
        Route(owner="by theme", cause="delivery"),
        Route(owner="by cause", cause="late"),
        Route(owner="by cause and product", cause="late", product="app"),
        Route(owner="by theme and both", cause="delivery", stage="fulfilment", product="app"),
    )
    assert owner("new", "", "", *routes) == ("any", "route")
    assert owner("new", "fulfilment", "", *routes) == ("by stage", "route")
    assert owner("lost", "", "", *routes) == ("by theme", "route")
    # A cause's first stage stands where the item has none.
    assert owner("late", "", "", *routes) == ("by cause", "route")
    assert owner("late", "trial", "app", *routes) == ("by cause and product", "route")
    assert owner("late", "", "app", *routes) == ("by theme and both", "route")


def test_a_circle_of_causes_ends():
    circle = {"a": CauseNode("a", "A", parent="b"), "b": CauseNode("b", "B", parent="a")}
    assert lineage_of("a", circle) == ["a", "b"]


words = st.sampled_from(["", "late", "lost", "delivery", "app", "fulfilment"])
routes_strategy = st.lists(
    st.builds(Route, owner=st.sampled_from("abc"), cause=words, stage=words, product=words),
    unique_by=lambda r: (r.cause, r.stage, r.product),
    max_size=12,
)


@given(words, words, words, routes_strategy, st.randoms())
def test_nothing_is_without_an_owner_and_the_order_of_routes_says_nothing(
    cause: str, stage: str, product: str, routes: list[Route], random: object
):
    found = owner(cause, stage, product, *routes)
    assert all(found)
    random.shuffle(routes)  # type: ignore[attr-defined]
    assert owner(cause, stage, product, *routes) == found
