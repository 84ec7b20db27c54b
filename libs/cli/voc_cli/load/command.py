"""A load from its beginning, or from where it was interrupted, to its summary."""

import asyncio
import contextlib
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from urllib.parse import quote
from zlib import crc32

import httpx
import msgspec
from msgspec import Struct

from voc_cli.api import ApiError, call
from voc_cli.load.files import Facts, Rows, inspect
from voc_cli.load.items import Mapper, RowFault
from voc_cli.load.mapping import Mapping
from voc_cli.load.naming import Occurrences
from voc_cli.load.progress import Book, Counts
from voc_cli.load.sending import Entry, Lane, Sender

CLOSING_SECONDS = 60.0
"""How long to wait for ingest's worker to close a history load."""


class Plan(Struct, frozen=True, kw_only=True):
    """What to load, and where to."""

    file: Path
    mapping: Mapping
    url: str
    token: str
    source: str = ""
    history: bool = False
    rejects: Path
    requests: int = 4
    patience: float = 300.0
    again: bool = False
    wordless: bool = False
    """Whether a file without any text or score is what is meant."""


class Watch(Struct):
    """How far a load is; read by whoever shows it while `run` works."""

    size: int
    counts: Counts
    position: int = 0
    rows: int = 0
    waiting: str = ""


class Outcome(Struct, frozen=True):
    """What a load came to; `created` are new sources, `load` and `state` are those of a history load."""

    rows: int
    counts: Counts
    resumed: bool
    seconds: float
    left_out: list[str]
    created: list[str]
    load: str = ""
    state: str = ""


class LoadError(RuntimeError):
    """A load cannot begin, or its numbers do not add up."""


def tenant_of(token: str) -> str:
    """The tenant that a token names, not verified: only to tell loads apart."""
    try:
        payload = token.split(".")[1]
        return str(
            msgspec.json.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["tenant"]
        )
    except (IndexError, ValueError, KeyError, TypeError):
        return ""


def _purpose(plan: Plan, facts: Facts) -> str:
    said = (
        facts.digest,
        plan.mapping,
        plan.url,
        tenant_of(plan.token),
        plan.source,
        plan.history,
        plan.requests,
    )
    return blake2b(msgspec.json.encode(said), digest_size=16).hexdigest()


def run(plan: Plan, told: Callable[[Watch], None] = lambda _: None) -> Outcome:
    """Load a file; `told` is called a few times a second.

    Raises `FileFault`, `LoadError`, `ApiError` and `GaveUp`; whatever it raises, the same call goes on from there.
    """
    began = time.monotonic()
    facts = inspect(plan.file, plan.mapping.encodings)
    rows = Rows(plan.file, facts, plan.mapping, wordless=plan.wordless)
    created: list[str] = []
    if plan.again:
        _state_file(plan).unlink(missing_ok=True)
    try:
        book = Book(_state_file(plan), plan.rejects, _purpose(plan, facts), plan.requests)
        done = False
        try:
            load = _begin(plan, book, created)
            watch = Watch(size=facts.size, counts=book.state.counts)
            try:
                asyncio.run(_send(plan, rows, book, watch, created, told))
            except ExceptionGroup as several:
                raise _first(several) from several
            if watch.rows != book.state.counts.rows:
                raise LoadError(
                    f"{watch.rows} rows were read, but {book.state.counts} accounted for: a fault of voc"
                )
            state = _complete(plan, load) if load else ""
            done = True
        finally:
            book.close(done=done)
    finally:
        rows.close()
    left_out = (
        [] if plan.mapping.rest else [n for n in rows.header if n not in _named(plan.mapping)]
    )
    seconds = time.monotonic() - began
    return Outcome(
        watch.rows, book.state.counts, book.resumed, seconds, left_out, created, load, state
    )


def _first(several: ExceptionGroup[Exception]) -> Exception:
    """The first error of the lanes; when one fails the others are cancelled."""
    return several.exceptions[0]


def _named(mapping: Mapping) -> set[str]:
    return {*mapping.columns, *(i.column for i in mapping.identifiers)}


def _state_file(plan: Plan) -> Path:
    return plan.rejects.with_name(f"{plan.rejects.name}.state")


def _begin(plan: Plan, book: Book, created: list[str]) -> str:
    """The history load that the rows belong to: the one begun before, or a new one."""
    if not plan.history or book.state.load:
        return book.state.load
    source = plan.source or plan.mapping.source
    if not source:
        raise LoadError("a history load has one source: give --source")
    ensure_source(plan, source, created)
    book.state.load = call(
        "POST", f"{plan.url}/v1/loads", plan.token, {"source": source, "history": True}
    )["load"]
    book.save()
    return book.state.load


def ensure_source(plan: Plan, source: str, created: list[str]) -> None:
    """Create a source unless it is there, and add it to `created`.

    A token that may not look leaves that to the answers for its rows.
    """
    place = f"{plan.url}/v1/sources/{quote(source, safe='')}"
    try:
        call("GET", place, plan.token)
    except ApiError as error:
        if error.status == 404:
            settings = plan.mapping.source_settings if source == plan.mapping.source else {}
            call("PUT", place, plan.token, settings)
            created.append(source)
        elif error.status not in (403, 422):
            raise


def _complete(plan: Plan, load: str) -> str:
    """Say that nothing more comes, and wait for a while until all of it is published."""
    place = f"{plan.url}/v1/loads/{load}"
    state = str(call("POST", f"{place}/complete", plan.token)["state"])
    deadline = time.monotonic() + CLOSING_SECONDS
    while state != "closed" and time.monotonic() < deadline:
        time.sleep(0.25)
        state = str(call("GET", place, plan.token)["state"])
    return state


def entries(rows: Rows, mapper: Mapper) -> Iterator[Entry]:
    """The rows of a file, each as what is sent of it."""
    encode = msgspec.json.Encoder().encode
    with contextlib.closing(Occurrences()) as occurrences:
        for row in rows:
            if row.fault:
                yield Entry(row.line, b"", row.content, row.fault)
                continue
            try:
                item = mapper.item(row.content)
                if not item.get("id"):
                    item["id"] = occurrences.name(row.content)
                yield Entry(
                    row.line, encode(item), row.content, key=f"{item['source']}\x1f{item['id']}"
                )
            except (RowFault, UnicodeEncodeError, TypeError) as error:
                yield Entry(row.line, b"", row.content, str(error))


def preview(
    file: Path, mapping: Mapping, source: str, count: int, *, wordless: bool = False
) -> Iterator[str]:
    """The first items of a file as JSON, or why a row is none: for who writes a mapping."""
    facts = inspect(file, mapping.encodings)
    with contextlib.closing(Rows(file, facts, mapping, wordless=wordless)) as rows:
        for entry in islice(entries(rows, Mapper(mapping, source)), count):
            yield f"line {entry.line}: {entry.fault or entry.item.decode()}"


async def _send(
    plan: Plan,
    rows: Rows,
    book: Book,
    watch: Watch,
    created: list[str],
    told: Callable[[Watch], None],
) -> None:
    lanes = [Lane(number) for number in range(plan.requests)]
    # Connections go where the plan says, whatever proxy the environment names.
    limits = httpx.Limits(max_connections=plan.requests)
    headers = {"Authorization": f"Bearer {plan.token}", "Content-Type": "application/json"}
    async with (
        httpx.AsyncClient(
            base_url=plan.url, headers=headers, timeout=60, limits=limits, trust_env=False
        ) as client,
        asyncio.TaskGroup() as group,
    ):
        query = {"load": book.state.load} if book.state.load else {}
        route = f"/v1/{plan.mapping.record}/batch"
        sender = Sender(client, route, book, query=query, patience=plan.patience)
        serving = [group.create_task(sender.serve(lane)) for lane in lanes]
        # A task of its own: while ingest is away nothing is read, and that is what must be shown.
        telling = group.create_task(_tell(lambda: told(_seen(watch, rows, sender))))
        await _read(plan, rows, lanes, list(book.state.lanes), watch, created)
        for lane in lanes:
            await lane.end()
        await asyncio.wait(serving)
        telling.cancel()


async def _tell(told: Callable[[], None]) -> None:
    while True:
        told()
        await asyncio.sleep(0.2)


def _seen(watch: Watch, rows: Rows, sender: Sender) -> Watch:
    watch.position, watch.waiting = rows.position, sender.waiting
    return watch


async def _read(
    plan: Plan,
    rows: Rows,
    lanes: list[Lane],
    done: list[int],
    watch: Watch,
    created: list[str],
) -> None:
    sources: set[str] = set()
    for entry in entries(rows, Mapper(plan.mapping, plan.source)):
        watch.rows += 1
        # A record's rows share a lane: its last state in the file must be the last to arrive.
        number = crc32(entry.key.encode()) % len(lanes) if entry.key else entry.line % len(lanes)
        if entry.line > done[number]:
            source = entry.key.partition("\x1f")[0]
            if source and source not in sources:
                await asyncio.to_thread(ensure_source, plan, source, created)
                sources.add(source)
            await lanes[number].add(entry)
        if watch.rows % 100 == 0:
            await asyncio.sleep(0)
