"""`voc taxonomy`: put and publish a taxonomy, train a model from labelled rows, let it decide."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
from msgspec import Struct
from voc_taxonomy import models
from voc_taxonomy.domain.examples import taught_by
from voc_taxonomy.domain.model import Report
from voc_taxonomy.domain.training import train
from voc_taxonomy.domain.tree import Taxonomy

from voc_cli import api


class Taught(Struct, frozen=True):
    """A model that was trained: its hash, where its bytes are, what was measured, how long it took."""

    model: str
    file: Path
    report: Report
    seconds: float
    sequence: int | None = None


def teach(
    labels: Path,
    taxonomy: Taxonomy,
    text: str,
    cause: str,
    folder: Path,
    told: Callable[[str], None],
) -> Taught:
    """Train a model for a taxonomy from its own examples and a CSV of labelled texts, and store it in `folder`.

    Raises `InvalidLabels` with the lines that cannot be used, and `NotTrainable`.
    """
    rows = models.read_labels(labels, text, cause, taxonomy)
    told(f"{len(rows)} labelled rows, training")
    began = time.monotonic()
    model, data = train(taught_by(taxonomy) + rows, taxonomy, models.vectors())
    return Taught(model.id, models.save(data, folder), model.card.report, time.monotonic() - began)


def newest(url: str, bearer: str) -> Taxonomy:
    """The tenant's newest published taxonomy."""
    found = api.call("GET", f"{url}/v1/taxonomy", bearer)
    return msgspec.convert(found, Taxonomy)


def publish(url: str, bearer: str, taxonomy: Taxonomy) -> Any:
    """Put a taxonomy as the draft and publish it; returns what came of it."""
    api.call("PUT", f"{url}/v1/taxonomies/draft", bearer, msgspec.to_builtins(taxonomy))
    return api.call("POST", f"{url}/v1/taxonomies/draft/publish", bearer)


def upload(url: str, bearer: str, file: Path) -> int:
    """Store a model with the service and let it decide; returns its place in the tenant's order of models."""
    answer = httpx.post(
        f"{url}/v1/models",
        params={"activate": True},
        content=file.read_bytes(),
        headers={"Authorization": f"Bearer {bearer}", "content-type": "application/octet-stream"},
        timeout=120,
        trust_env=False,
    )
    if answer.is_error:
        raise api.ApiError(api.detail(answer), answer.status_code)
    return answer.json()["sequence"]
