"""The states of an item and the steps between them, as data."""

from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

State = Literal[
    "detected",
    "filed",
    "triaged",
    "in_progress",
    "piloting",
    "verified",
    "rolled_out",
    "reopened",
    "closed",
    "declined",
    "retired",
]
"""`detected`: evidence below the threshold of filing, waiting for a person's word. The last three are at rest."""

STATES: tuple[str, ...] = get_args(State)
AT_REST = ("closed", "declined", "retired")
OPEN = tuple(s for s in STATES if s not in AT_REST)

Need = Literal["why", "until", "verification"]


class Step(Struct, frozen=True):
    """A step that a person may take.

    `needs` must be given with it (a `verification` given earlier counts). `back` undoes work that
    was thought done, and counts as rework.
    """

    to: State
    needs: tuple[Need, ...] = ()
    back: bool = False


_DECLINE = Step("declined", ("why", "until"))
_RETIRE = Step("retired", ("why",))
_SENT_BACK = Step("in_progress", ("why",), back=True)

STEPS: Mapping[str, tuple[Step, ...]] = {
    "detected": (Step("filed"), _DECLINE, _RETIRE),
    "filed": (Step("triaged"), _DECLINE, _RETIRE),
    "triaged": (Step("in_progress"), _DECLINE, _RETIRE),
    "in_progress": (Step("piloting"), Step("triaged", ("why",)), _DECLINE, _RETIRE),
    "piloting": (Step("verified"), _SENT_BACK, _RETIRE),
    "verified": (Step("rolled_out"), Step("closed", ("verification",)), _SENT_BACK, _RETIRE),
    "rolled_out": (Step("closed", ("verification",)), _SENT_BACK, _RETIRE),
    "reopened": (Step("triaged"), Step("in_progress"), _DECLINE, _RETIRE),
    "closed": (Step("reopened", ("why",)),),
    "declined": (Step("reopened", ("why",)), _RETIRE),
    "retired": (Step("reopened", ("why",)),),
}
"""The only ways from state to state. Nothing is closed that has not been verified."""


def step(state: str, to: str) -> Step | None:
    """The step from one state to another, None if there is none."""
    return next((s for s in STEPS[state] if s.to == to), None)
