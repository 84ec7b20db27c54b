"""Models as bytes: hashed, checked, never trusted."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from voc_taxonomy import models
from voc_taxonomy.domain.model import InvalidModel, build, identity, unpack

from tests.taxonomy import lessons


def rebuilt(**changed: object) -> bytes:
    model = lessons.trained()[0]
    parts: dict[str, object] = {
        "card": model.card,
        "columns": model.columns,
        "idf": model.idf,
        "weights": model.weights,
        "bias": model.bias,
    }
    return build(**(parts | changed))[1]  # pyright: ignore[reportArgumentType]


def test_what_is_loaded_is_what_was_trained() -> None:
    model, data = lessons.trained()
    loaded = unpack(data, model.id)
    assert loaded.id == identity(data) == model.id
    assert len(model.id) == 12
    assert loaded.card == model.card
    for part in ("columns", "idf", "weights", "bias"):
        assert np.array_equal(getattr(loaded, part), getattr(model, part))
    assert rebuilt() == data


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_a_changed_byte_is_noticed(where: int, by: int) -> None:
    model, data = lessons.trained()
    broken = bytearray(data)
    broken[where % len(data)] ^= by
    with pytest.raises(InvalidModel):
        unpack(bytes(broken), model.id)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=60).map(lambda b: len(b).to_bytes(8, "little") + b),
    )
)
def test_bytes_that_are_no_model_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidModel):
        unpack(data)


def test_headers_changed_on_purpose_are_refused() -> None:
    _, data = lessons.trained()
    for cut in (0, 7, 8, 100, len(data) - 1):
        with pytest.raises(InvalidModel):
            unpack(data[:cut])
    with pytest.raises(InvalidModel):
        unpack(pickle.dumps({"weights": [1, 2]}))
    with pytest.raises(InvalidModel):
        unpack(data.replace(b'"columns"', b'"kolumns"', 1))


def test_numbers_that_would_break_scoring_are_refused() -> None:
    model = lessons.trained()[0]
    spoilt = model.weights.copy()
    spoilt[0, 0] = np.inf
    for changed in (
        {"weights": spoilt},
        {"bias": np.full_like(model.bias, np.nan)},
        {"columns": model.columns[::-1]},
        {"weights": model.weights[:-1]},
        {"bias": model.bias[:-1]},
        {"idf": model.idf[:-1]},
        {"card": replace(model.card, classes=("a",) * len(model.card.classes))},
        {"card": replace(model.card, temperature=0.0)},
        {"card": replace(model.card, blend=float("nan"))},
        {"card": replace(model.card, format=99)},
    ):
        with pytest.raises(InvalidModel):
            rebuilt(**changed)


def test_files_carry_the_id_in_their_name(tmp_path: Path) -> None:
    model, data = lessons.trained()
    path = models.save(data, tmp_path / "models")
    assert path == models.save(data, tmp_path / "models")
    assert [p.name for p in path.parent.iterdir()] == [f"{model.id}.safetensors"]
    assert models.load_model(path).id == model.id
    path.write_bytes(models.starter_model()[1])
    with pytest.raises(InvalidModel, match=f"not of {model.id}"):
        models.load_model(path)
    other = path.rename(path.with_name("mine.safetensors"))
    assert models.load_model(other).id == models.starter_model()[0].id
    with pytest.raises(InvalidModel):
        models.save(b"no model", tmp_path)
