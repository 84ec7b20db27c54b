"""Who owns an item: the tenant's routes, then the cause's owner, then the stage's, then the fallback."""

from collections.abc import Mapping, Sequence

from voc_common.events import CauseNode

from voc_backlog.domain.ground import Ground, Route
from voc_backlog.domain.issues import Subject


def owner_of(subject: Subject, ground: Ground) -> tuple[str, str]:
    """Owner and where it comes from: `route`, `cause`, `stage` or `fallback`. There always is one."""
    _, cause, _, product = subject
    lineage = lineage_of(cause, ground.nodes)
    stage = stage_of(subject, ground.nodes)
    route = best_route(lineage, stage, product, ground.routes)
    if route is not None:
        return route.owner, "route"
    for name in lineage:
        node = ground.nodes.get(name)
        if node is not None and node.owner:
            return node.owner, "cause"
    if stage in ground.policy.stage_owners:
        return ground.policy.stage_owners[stage], "stage"
    return ground.policy.fallback_owner, "fallback"


def best_route(
    lineage: Sequence[str], stage: str, product: str, routes: Sequence[Route]
) -> Route | None:
    """The most specific route that fits: the one that states most, then the one nearest to the cause."""
    fitting = [
        r
        for r in routes
        if (not r.cause or r.cause in lineage)
        and r.stage in {"", stage}
        and r.product in {"", product}
    ]
    return max(fitting, key=lambda r: _specificity(r, lineage), default=None)


def _specificity(route: Route, lineage: Sequence[str]) -> tuple[int, bool, int, bool]:
    stated = sum(bool(x) for x in (route.cause, route.stage, route.product))
    depth = -lineage.index(route.cause) if route.cause else 0
    return stated, bool(route.cause), depth, bool(route.product)


def lineage_of(cause: str, nodes: Mapping[str, CauseNode]) -> list[str]:
    """A cause and those above it, nearest first; a circle ends where it closes."""
    found: list[str] = []
    while cause and cause not in found:
        found.append(cause)
        node = nodes.get(cause)
        cause = node.parent if node else ""
    return found


def stage_of(subject: Subject, nodes: Mapping[str, CauseNode]) -> str:
    """The stage of a subject, else the first of its cause."""
    _, cause, stage, _ = subject
    node = nodes.get(cause)
    return stage or (node.stages[0] if node and node.stages else "")
