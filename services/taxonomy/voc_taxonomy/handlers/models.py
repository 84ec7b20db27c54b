"""Which model and taxonomy decide for a tenant, ready to decide."""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from functools import cached_property

import msgspec
from msgspec import Struct
from voc_common import versions
from voc_common.events import Decision
from voc_common.postgres import Transaction

from voc_taxonomy import models as files
from voc_taxonomy.domain.decisions import Judge, Verdict
from voc_taxonomy.domain.model import unpack
from voc_taxonomy.domain.scorer import Scorer
from voc_taxonomy.domain.tree import Taxonomy
from voc_taxonomy.repository import catalogue

STARTER_VERSION = 1
"""The version under which a new tenant finds the starter taxonomy."""

_taxonomy = msgspec.json.Decoder(Taxonomy).decode


class Ready(Struct, frozen=True):
    """A model with its taxonomy.

    `generation` (the schema's) and `sequence` (the model's among those of the tenant) rank its decisions.
    """

    generation: int
    sequence: int
    judge: Judge

    def verdicts(self, texts: Sequence[str]) -> list[Verdict]:
        """What these texts are about, and the words that decided."""
        return self.judge.decide(texts)

    def decide(
        self, texts: Sequence[str], revisions: Sequence[str], decided_at: int
    ) -> list[Decision]:
        """Decisions on texts, each of the revision with this version."""
        model, taxonomy = self.judge.scorer.model.id, self.judge.taxonomy.version
        return [
            verdict.decision(
                versions.decision(self.generation, revision, 0, self.sequence),
                model,
                taxonomy,
                decided_at,
            )
            for verdict, revision in zip(
                self.judge.decide(texts, explain=False), revisions, strict=True
            )
        ]


class Models:
    """The models in memory, by hash; tenants that use the same one share it."""

    def __init__(self, cached: int) -> None:
        self._cached = cached
        self._scorers: OrderedDict[str, Scorer] = OrderedDict()
        self._taxonomies: OrderedDict[tuple[str, int], Taxonomy] = OrderedDict()
        self._judges: dict[tuple[str, int, str], Judge] = {}

    @cached_property
    def starter(self) -> Judge:
        """The starter's model, read when it is first asked for (0.1 s, 50 MB): few apis ever decide."""
        model, _ = files.starter_model()
        return Judge(Scorer(model, files.vectors()), starter())

    async def active(self, tx: Transaction, tenants: Collection[str]) -> dict[str, Ready]:
        """The model that decides for each tenant: the one set active, else the starter's."""
        generation, found = await catalogue.active(tx, tenants)
        ready: dict[str, Ready] = {}
        for tenant in tenants:
            chosen = found.get(tenant)
            if chosen is None:
                ready[tenant] = Ready(generation, 0, self.starter)
            else:
                judge = await self._judge(tx, tenant, chosen)
                ready[tenant] = Ready(generation, chosen.sequence, judge)
        return ready

    async def _judge(self, tx: Transaction, tenant: str, chosen: catalogue.Active) -> Judge:
        scorer = await self._scorer(tx, tenant, chosen)
        version = scorer.model.card.taxonomy
        key = (tenant, version, chosen.model)
        taxonomy = await self.taxonomy(tx, tenant, version)
        judge = self._judges.get(key)
        # One of a former scorer or taxonomy would keep that in memory beside the new one.
        if judge is None or judge.scorer is not scorer or judge.taxonomy is not taxonomy:
            judge = self._judges[key] = Judge(scorer, taxonomy)
        return judge

    async def _scorer(self, tx: Transaction, tenant: str, chosen: catalogue.Active) -> Scorer:
        scorer = self._scorers.get(chosen.model)
        if scorer is None:
            row = await catalogue.artifact(tx, tenant, chosen.sequence)
            scorer = Scorer(unpack(row.artifact, chosen.model), files.vectors())
            self._scorers[chosen.model] = scorer
        self._scorers.move_to_end(chosen.model)
        while len(self._scorers) > self._cached:
            gone, _ = self._scorers.popitem(last=False)
            self._judges = {key: j for key, j in self._judges.items() if key[2] != gone}
        return scorer

    async def taxonomy(self, tx: Transaction, tenant: str, version: int) -> Taxonomy:
        """A published version of a tenant's taxonomy; it never changes, so it is kept."""
        key = (tenant, version)
        if key not in self._taxonomies:
            row = await catalogue.taxonomy(tx, tenant, version)
            self._taxonomies[key] = starter() if row is None else _taxonomy(row.document)
        self._taxonomies.move_to_end(key)
        while len(self._taxonomies) > 8 * self._cached:
            gone, _ = self._taxonomies.popitem(last=False)
            self._judges = {k: judge for k, judge in self._judges.items() if k[:2] != gone}
        return self._taxonomies[key]

    async def stage_of(
        self, tx: Transaction, tenant: str, version: int, causes: Sequence[str]
    ) -> str:
        """The journey stage of the first of these causes."""
        found = await self.taxonomy(tx, tenant, version)
        return found.stage_of(causes[0]) if causes else ""


def starter() -> Taxonomy:
    """The starter taxonomy, under the version that a new tenant has it."""
    return msgspec.structs.replace(files.starter_taxonomy(), version=STARTER_VERSION)
