"""A text model: what training leaves behind, its bytes (safetensors and JSON, never pickle) and its hash."""

from hashlib import sha256
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from safetensors.numpy import load, save

from voc_taxonomy.domain.features import COLUMNS, WIDTH, Floats

FORMAT = 1
"""Raised when the features or the file change; a model of another format is refused."""

MAX_CLASSES = 2_000

UNKNOWN = ""
"""The class of texts that speak of no cause."""


class Thresholds(Struct, frozen=True):
    """From which probability a leaf, and else a parent (the sum of its leaves), is said."""

    leaf: float = 0.7
    parent: float = 0.8


class Report(Struct, frozen=True, omit_defaults=True):
    """What training measured on rows that the measured model had not seen.

    `accuracy` is of the likeliest class among texts with a cause, `majority` that of always saying the
    largest class. `precision` and `coverage` are of leaves at the thresholds, `background_refused` the share
    of texts without a cause that get none, `ece` the expected calibration error (15 bins) after
    temperature scaling. Shares, not percent; -1 where nothing could be measured.
    """

    rows: int = 0
    measured: int = 0
    accuracy: float = -1.0
    majority: float = -1.0
    precision: float = -1.0
    coverage: float = -1.0
    background_refused: float = -1.0
    ece: float = -1.0
    skipped: tuple[tuple[str, int], ...] = ()
    """Causes with too few rows to be learnt, and how many they have."""


class Card(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is not a number matrix: the JSON part of a model.

    `blend` is the factor of the embedding beside the hashed columns, `rare` the weight of a hashed
    column that training never saw, `sentences` whether each sentence of a text is judged too,
    `languages` those that training saw ("" is not among them), `taxonomy` the version it was trained for.
    """

    format: int = FORMAT
    classes: tuple[str, ...]
    blend: float
    rare: float
    temperature: float
    thresholds: Thresholds
    sentences: bool
    languages: tuple[str, ...]
    taxonomy: int
    report: Report


class Model(Struct, frozen=True, kw_only=True, eq=False):
    """A linear model over one matrix.

    `weights` (float32) has WIDTH rows for the embedding, then one for each of the hashed `columns`
    (ascending), and one column for each class; `idf` weighs the hashed columns. `id` is the first
    12 hex digits of the SHA-256 of the bytes that `pack` makes.
    """

    id: str
    card: Card
    columns: NDArray[np.uint16]
    idf: Floats
    weights: Floats
    bias: Floats


class InvalidModel(ValueError):
    """Bytes are no model of this format, or were changed."""


def build(card: Card, columns: Any, idf: Any, weights: Any, bias: Any) -> tuple[Model, bytes]:
    """A model and its bytes; weights are rounded to float16, so that both are the same model."""
    data = save(
        {
            "columns": np.ascontiguousarray(columns, dtype=np.uint16),
            "idf": np.ascontiguousarray(idf, dtype=np.float32),
            "weights": np.ascontiguousarray(weights, dtype=np.float16),
            "bias": np.ascontiguousarray(bias, dtype=np.float32),
        },
        # One key only: the order of several would differ from run to run, and with it the hash.
        metadata={"voc": msgspec.json.encode(card, order="sorted").decode()},
    )
    return unpack(data), data


def identity(data: bytes) -> str:
    """The id of a model with these bytes."""
    return sha256(data).hexdigest()[:12]


def unpack(data: bytes, expected: str = "") -> Model:
    """The model of these bytes. InvalidModel: if they are none, or not those of the `expected` id."""
    name = identity(data)
    if expected and name != expected:
        raise InvalidModel(f"the bytes are of model {name}, not of {expected}")
    try:
        card = msgspec.json.decode(_metadata(data), type=Card)
        tensors = load(data)
        model = Model(
            id=name,
            card=card,
            columns=tensors["columns"],
            idf=tensors["idf"],
            weights=tensors["weights"].astype(np.float32),
            bias=tensors["bias"],
        )
    except InvalidModel:
        raise
    # The reader of safetensors raises its own error and, on hostile headers, ValueErrors and KeyErrors.
    except Exception as error:
        raise InvalidModel(f"not a model: {error}") from error
    _check(model)
    return model


def _metadata(data: bytes) -> str:
    """The JSON in the header of a safetensors file; the reader of the library does not return it."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise InvalidModel("not a model: cut off")
    header = msgspec.json.decode(data[8 : 8 + length])
    return header["__metadata__"]["voc"]


def _check(model: Model) -> None:
    card, n, k = model.card, len(model.columns), len(model.card.classes)
    ascending = n == 0 or bool((np.diff(model.columns.astype(np.int64)) > 0).all())
    for wrong, what in (
        (card.format != FORMAT, f"its format is {card.format}, this program reads {FORMAT}"),
        (not 1 <= k <= MAX_CLASSES or len(set(card.classes)) != k, "its classes"),
        (model.columns.dtype != np.uint16 or n > COLUMNS or not ascending, "its columns"),
        (model.idf.shape != (n,) or model.idf.dtype != np.float32, "its column weights"),
        (model.weights.shape != (WIDTH + n, k), "its matrix"),
        (model.bias.shape != (k,) or model.bias.dtype != np.float32, "its bias"),
        (not np.isfinite(model.weights).all() or not np.isfinite(model.bias).all(), "not finite"),
        (not np.isfinite(model.idf).all(), "not finite"),
        (not 1e-3 <= card.temperature <= 1e3, "its temperature"),
        (not (0 < card.blend < 1e6 and 0 < card.rare < 1e3), "its scales"),
    ):
        if wrong:
            raise InvalidModel(f"not a usable model: {what}")
