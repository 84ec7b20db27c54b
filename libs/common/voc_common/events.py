"""The published language: every event that travels between the services, as msgspec Structs.

Read this file first. A *record* is one object of a source (a ticket, an answer, a call). Each part of
a record has one owner and one version, and an event carries its owner's whole part:

    Revision     what the source said                  owned by ingest
    Attribution  which person and account it belongs to     identity
    Decision     what it is about                           taxonomy

Consumers keep the greater version of each part, so order, repetition and interleaving of events never
matter. Versions are fixed-width strings that order as bytes (see `versions`); `NONE`, the empty string,
is "nothing yet" and lowest. Times are integers: UTC microseconds since 1970. Changes to this file only
add; a new meaning is a new type.
"""

from typing import Any, ClassVar, Literal

from msgspec import Raw, Struct

NONE = ""
"""The version of a part that has not arrived."""

Kind = Literal["feedback", "activity"]
Lane = Literal["live", "bulk"]


class Score(Struct, frozen=True, gc=False, omit_defaults=True):
    """A rating, never without its scale.

    `value` lies in [`min`, `max`]; `direction` "up" means that more is better. `kind` is the family,
    `question` and `wording` name what was asked; answers to different wordings are never pooled.
    """

    value: float
    min: float
    max: float
    kind: Literal["NPS", "CSAT", "CES", "stars", "thumbs"]
    direction: Literal["up", "down"] = "up"
    question: str = ""
    wording: str = ""
    relational: bool = False


class Identifier(Struct, frozen=True, gc=False, omit_defaults=True):
    """One way in which a source names a person or an account.

    `type` is one of: `external` (an id that is unique within `issuer`), `email`, `phone`, `name`,
    `account` (a company id, unique within `issuer`). Only verified emails and phones link records.
    """

    type: Literal["external", "email", "phone", "name", "account"]
    value: str
    issuer: str = ""
    verified: bool = True


class Revision(Struct, frozen=True, gc=False, omit_defaults=True):
    """What the source said about a record, owned by ingest.

    `occurred_at` is when it happened (clamped to `received_at` if it lay in the future, then `clamped`),
    `received_at` when it reached voc, `known_at` when voc could first have known it: `received_at` for
    live data, the source's own stamp in a declared history load. `first_at` is when the record first reached voc,
    the same in all of its revisions (but for some from before it was told); 0 in the first of them, which is
    that. `local_day` is the day of `occurred_at` in the tenant's zone, in days since 1970-01-01. `suspect` marks
    floods and bots: counted, not scored.
    """

    version: str
    occurred_at: int
    received_at: int
    known_at: int
    local_day: int
    source: str
    kind: str
    channel: str = ""
    stakeholder: Literal["customer", "employee", "partner"] = "customer"
    product: str = ""
    team: str = ""
    segment: str = ""
    score: Score | None = None
    clamped: bool = False
    suspect: bool = False
    first_at: int = 0

    @property
    def first_received_at(self) -> int:
        """When the record first reached voc, in this revision or an earlier one (UTC microseconds)."""
        return self.first_at or self.received_at


class Attribution(Struct, frozen=True, gc=False, omit_defaults=True):
    """Whose record it is, owned by identity. `person` and `account` are empty where not identifiable."""

    version: str
    person: str = ""
    account: str = ""
    decided_at: int = 0
    reason: str = ""


class Cause(Struct, frozen=True, gc=False):
    """A root cause with its calibrated probability."""

    id: str
    p: float


class Decision(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a record is about, owned by taxonomy. No cause at all means: abstained, `unknown`."""

    version: str
    causes: tuple[Cause, ...] = ()
    stage: str = ""
    severity: float = 0.0
    sentiment: float = 0.0
    language: str = ""
    model: str = ""
    taxonomy: int = 0
    decided_at: int = 0
    human: bool = False


class Body(Struct, frozen=True, gc=False, omit_defaults=True):
    """The content of a record: free text and whatever else the source tells, as JSON."""

    text: str = ""
    attributes: dict[str, Any] = {}


class RecordEvent(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What every event about one record begins with."""

    tenant: str
    record_id: str
    revision: Revision


class FeedbackReceived(RecordEvent, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A source told of feedback: text, a score or both."""

    TOPIC: ClassVar[str] = "voc.feedback"
    identifiers: tuple[Identifier, ...] = ()
    body: Raw


class ActivityReceived(RecordEvent, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A source told of something that happened: a contact, a subscription, a deployment."""

    TOPIC: ClassVar[str] = "voc.activity"
    identifiers: tuple[Identifier, ...] = ()
    body: Raw


class FeedbackIdentified(RecordEvent, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Feedback whose person and account are known; `body` is passed on as it came."""

    TOPIC: ClassVar[str] = "voc.feedback.identified"
    attribution: Attribution
    body: Raw


class ActivityIdentified(RecordEvent, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An activity whose person and account are known; it needs no cause."""

    TOPIC: ClassVar[str] = "voc.activity.identified"
    attribution: Attribution
    body: Raw


class FeedbackClassified(RecordEvent, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Feedback with person, account and cause. The text stays behind."""

    TOPIC: ClassVar[str] = "voc.feedback.classified"
    attribution: Attribution
    decision: Decision


class Moved(Struct, frozen=True, gc=False):
    """A record and its new attribution."""

    record_id: str
    version: str
    person: str
    account: str


class RecordsMoved(Struct, frozen=True, kw_only=True, gc=False):
    """Records changed person or account (a merge, a split, a new link). At most 500 an event."""

    TOPIC: ClassVar[str] = "voc.people"
    tenant: str
    records: tuple[Moved, ...]
    decided_at: int
    reason: str


class RecordsErased(Struct, frozen=True, kw_only=True, gc=False):
    """Records that must be forgotten everywhere, for good. At most 500 an event."""

    TOPIC: ClassVar[str] = "voc.people"
    tenant: str
    records: tuple[str, ...]
    decided_at: int
    reason: str


class CauseNode(Struct, frozen=True, gc=False, omit_defaults=True):
    """One root cause of a taxonomy as later services need it."""

    id: str
    name: str
    stages: tuple[str, ...] = ()
    kind: Literal["defect", "question", "request", "praise"] = "defect"
    parent: str = ""
    owner: str = ""
    definition: str = ""


class TaxonomyPublished(Struct, frozen=True, kw_only=True, gc=False):
    """A tenant's taxonomy, whole. `version` counts up from 1; an older version stays readable."""

    TOPIC: ClassVar[str] = "voc.taxonomy"
    tenant: str
    version: int
    nodes: tuple[CauseNode, ...]
    published_at: int


class TenantConfigured(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A tenant's settings, whole. `zone` is an IANA name; `blocked` are values that identify nobody."""

    TOPIC: ClassVar[str] = "voc.tenants"
    tenant: str
    version: int
    zone: str = "UTC"
    currency: str = "EUR"
    blocked: tuple[str, ...] = ()
    settings: dict[str, Any] = {}


class HotIssueChanged(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A hot issue, whole, each time it changes.

    `key` says what is hot (cause, stage, product); one issue is one outbreak of a key. `onset` and
    `detected_at` are times of the data; `evidence` is the object that `GET /v1/hot-issues/{id}` shows.
    """

    TOPIC: ClassVar[str] = "voc.hot-issues"
    tenant: str
    issue: str
    version: int
    state: str
    cause: str
    stage: str = ""
    product: str = ""
    onset: int
    detected_at: int
    changed_at: int
    people: int = 0
    expected: float = 0.0
    p_real: float = 0.0
    evidence: dict[str, Any] = {}


class ItemChanged(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A backlog item, whole, each time it changes."""

    TOPIC: ClassVar[str] = "voc.backlog"
    tenant: str
    item: str
    version: int
    state: str
    title: str
    cause: str
    stage: str = ""
    product: str = ""
    owner: str = ""
    priority: float = 0.0
    issues: tuple[str, ...] = ()
    changed_at: int
    due_at: int = 0


class Tick(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """All that was known before `through` has been published to this partition.

    `load` names a history load of `tenant`. When it begins, one tick that `opens` it goes out; when it is
    complete, every partition gets a tick whose `since` and `through` are its first and last `known_at`.
    `partitions` is how many there were then (0: not said): there may be more by the time that it is read.
    """

    through: int
    tenant: str = ""
    load: str = ""
    since: int = 0
    opens: bool = False
    partitions: int = 0


Event = (
    FeedbackReceived
    | ActivityReceived
    | FeedbackIdentified
    | ActivityIdentified
    | FeedbackClassified
    | RecordsMoved
    | RecordsErased
    | TaxonomyPublished
    | TenantConfigured
    | HotIssueChanged
    | ItemChanged
)

EVENT_TYPES: tuple[type[Event], ...] = (
    FeedbackReceived,
    ActivityReceived,
    FeedbackIdentified,
    ActivityIdentified,
    FeedbackClassified,
    RecordsMoved,
    RecordsErased,
    TaxonomyPublished,
    TenantConfigured,
    HotIssueChanged,
    ItemChanged,
)

BULK_TYPES = (
    FeedbackReceived,
    ActivityReceived,
    FeedbackIdentified,
    ActivityIdentified,
    FeedbackClassified,
)
"""Types whose topic has a `.bulk` twin: imports and replays, taken after live records."""
