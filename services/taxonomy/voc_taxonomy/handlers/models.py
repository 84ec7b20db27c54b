"""Which model and taxonomy decide for a tenant, ready to decide."""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from functools import cached_property

import msgspec
from msgspec import Struct
from voc_common.events import Decision
from voc_common.postgres import Transaction

from voc_taxonomy import models as files
from voc_taxonomy.domain.decisions import Judge, Verdict, decide
from voc_taxonomy.domain.model import unpack
from voc_taxonomy.domain.scorer import Scorer
from voc_taxonomy.domain.tree import Taxonomy
from voc_taxonomy.repository import catalogue

STARTER_VERSION = 1
"""The version under which a new tenant finds the starter taxonomy."""

_taxonomy = msgspec.json.Decoder(Taxonomy).decode


class Ready(Struct, frozen=True):
    """A model with its taxonomy. `sequence` ranks its decisions among those of the tenant's models."""

    sequence: int
    scorer: Scorer
    taxonomy: Taxonomy

    def verdicts(self, texts: Sequence[str]) -> list[Verdict]:
        """What these texts are about, and the words that decided."""
        return decide(self.scorer, self.taxonomy, texts)

    def decide(
        self, texts: Sequence[str], versions: Sequence[str], decided_at: int
    ) -> list[Decision]:
        """Decisions, each under its version."""
        model, taxonomy = self.scorer.model.id, self.taxonomy.version
        verdicts = Judge(self.scorer, self.taxonomy).decide(texts, explain=False)
        return [
            verdict.decision(version, model, taxonomy, decided_at)
            for verdict, version in zip(verdicts, versions, strict=True)
        ]


class Models:
    """The models in memory, by hash; tenants that use the same one share it."""

    def __init__(self, cached: int) -> None:
        self._cached = cached
        self._scorers: OrderedDict[str, Scorer] = OrderedDict()
        self._taxonomies: OrderedDict[tuple[str, int], Taxonomy] = OrderedDict()

    @cached_property
    def starter(self) -> Ready:
        """The starter's model, read when it is first asked for (0.1 s, 50 MB): few apis ever decide."""
        model, _ = files.starter_model()
        return Ready(0, Scorer(model, files.vectors()), starter())

    async def active(self, tx: Transaction, tenants: Collection[str]) -> dict[str, Ready]:
        """The model that decides for each tenant: the one set active, else the starter's."""
        found = await catalogue.active(tx, tenants)
        ready: dict[str, Ready] = {}
        for tenant in tenants:
            chosen = found.get(tenant)
            if chosen is None:
                ready[tenant] = self.starter
                continue
            scorer = await self._scorer(tx, tenant, chosen)
            version = scorer.model.card.taxonomy
            ready[tenant] = Ready(chosen.sequence, scorer, await self.taxonomy(tx, tenant, version))
        return ready

    async def _scorer(self, tx: Transaction, tenant: str, chosen: catalogue.Active) -> Scorer:
        scorer = self._scorers.get(chosen.model)
        if scorer is None:
            row = await catalogue.artifact(tx, tenant, chosen.sequence)
            scorer = Scorer(unpack(row.artifact, chosen.model), files.vectors())
            self._scorers[chosen.model] = scorer
        self._scorers.move_to_end(chosen.model)
        while len(self._scorers) > self._cached:
            self._scorers.popitem(last=False)
        return scorer

    async def taxonomy(self, tx: Transaction, tenant: str, version: int) -> Taxonomy:
        """A published version of a tenant's taxonomy; it never changes, so it is kept."""
        key = (tenant, version)
        if key not in self._taxonomies:
            row = await catalogue.taxonomy(tx, tenant, version)
            self._taxonomies[key] = starter() if row is None else _taxonomy(row.document)
        self._taxonomies.move_to_end(key)
        while len(self._taxonomies) > 8 * self._cached:
            self._taxonomies.popitem(last=False)
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
