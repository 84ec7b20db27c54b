"""Models and their ground from files: embedding, starter, trained models, labelled rows."""

import codecs
import io
from functools import lru_cache
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path

import msgspec
from safetensors.numpy import load
from tokenizers import Tokenizer

from voc_taxonomy.domain.examples import Row
from voc_taxonomy.domain.features import Vectors
from voc_taxonomy.domain.labels import InvalidLabels, read
from voc_taxonomy.domain.model import Model, identity, unpack
from voc_taxonomy.domain.tree import Taxonomy, validate

_MATRIX = "wordllama/weights/l2_supercat_256.safetensors"
_TOKENIZER = "wordllama/tokenizers/l2_supercat_tokenizer_config.json"
_STARTER = files("voc_taxonomy").joinpath("starter")

SUFFIX = ".safetensors"


@lru_cache(maxsize=1)
def vectors() -> Vectors:
    """The static embedding out of the `wordllama` wheel: 32,000 tokens of 256 dimensions, 16 MB.

    Its files are read directly; the package's own loader would look for the tokenizer on a hub.
    """
    wheel = distribution("wordllama")
    matrix = load(Path(str(wheel.locate_file(_MATRIX))).read_bytes())["embedding.weight"]
    tokenizer = Tokenizer.from_file(str(wheel.locate_file(_TOKENIZER)))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return Vectors(tokenizer, matrix)


@lru_cache(maxsize=1)
def starter_taxonomy() -> Taxonomy:
    """The taxonomy that a new tenant begins with."""
    data = _STARTER.joinpath("taxonomy.json").read_bytes()
    return validate(msgspec.json.decode(data, type=Taxonomy))


@lru_cache(maxsize=1)
def starter_model() -> tuple[Model, bytes]:
    """The model of the starter taxonomy, and its bytes; made by bench/starter_model.py."""
    data = _STARTER.joinpath(f"model{SUFFIX}").read_bytes()
    return unpack(data), data


def save(data: bytes, folder: Path) -> Path:
    """Write a model's bytes under its id; the same model twice is one file."""
    unpack(data)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{identity(data)}{SUFFIX}"
    if not path.exists():
        # Renamed into place: a reader never sees half a model.
        part = path.with_suffix(".part")
        part.write_bytes(data)
        part.replace(path)
    return path


def load_model(path: Path) -> Model:
    """The model of a file. InvalidModel: if it is none, or not the one that its name says.

    A name of 12 hex digits is taken for an id and checked against the bytes.
    """
    stem = path.name.removesuffix(SUFFIX)
    named = len(stem) == 12 and set(stem) <= set("0123456789abcdef")
    return unpack(path.read_bytes(), stem if named else "")


def read_labels(
    path: Path, text: str = "text", cause: str = "cause", taxonomy: Taxonomy | None = None
) -> list[Row]:
    """The labelled rows of a CSV file in UTF-8 (with or without a mark) or UTF-16 with a mark.

    InvalidLabels: with every line that cannot be used.
    """
    data = path.read_bytes()
    encoding = "utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        content = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidLabels([f"line {line}: not {encoding}: {error.reason}"]) from error
    known = None if taxonomy is None else taxonomy.by_id
    return read(io.StringIO(content, newline=""), text, cause, known)
