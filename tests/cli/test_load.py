"""Loads through the real front door: every row accounted for, whatever happens on the way."""

import inspect
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from voc_cli.fleet import Fleet
from voc_cli.installation import Installation
from voc_cli.load import command
from voc_cli.load.cli import load
from voc_cli.load.command import Outcome, Plan
from voc_cli.load.mapping import find
from voc_cli.load.progress import Counts
from voc_cli.load.sending import GaveUp, retry_after

HEADER = "id,created_at,updated_at,text,score,email,product\n"


def table(file: Path, count: int, text: str = "works well") -> Path:
    with file.open("w") as out:
        out.write(HEADER)
        out.writelines(
            f"{i},2026-01-0{i % 9 + 1},,{text} {i},{i % 11},p{i % 40}@example.org,card\n"
            for i in range(count)
        )
    return file


def plan(tenant: Any, file: Path, **more: Any) -> Plan:
    fields: dict[str, Any] = {
        "file": file,
        "mapping": find("generic-csv"),
        "url": tenant.url,
        "token": tenant.token,
        "source": "survey",
        "rejects": file.with_name("rejects.jsonl"),
    }
    return Plan(**fields | more)


def rejects(file: Path) -> list[tuple[int, str]]:
    lines = file.with_name("rejects.jsonl").read_text().splitlines()
    return [(found["line"], found["reason"]) for found in map(json.loads, lines)]


def test_a_file_is_stored_and_repeated_it_changes_nothing(tenant: Any, tmp_path: Path) -> None:
    file = table(tmp_path / "f.csv", 1200)
    first = command.run(plan(tenant, file))
    assert (first.rows, first.counts) == (1200, Counts(accepted=1200))
    again = command.run(plan(tenant, file))
    assert (again.rows, again.counts) == (1200, Counts(unchanged=1200))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.csv"]
    source = tenant.get("/v1/sources/survey")
    assert (source["accepted"], source["unchanged"]) == (1200, 1200)


def test_every_rejected_row_is_told_with_its_line_and_reason(tenant: Any, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text(
        HEADER + "1,2026-01-01,,fine,9,,card\n"
        "2,someday,,bad time,9,,card\n"
        "3,2026-01-01,,bad score,11,,card\n"
        '4,2026-01-01,,"two\nlines",9,,card\n'
        "5,2026-01-01,,too few\n"
        "6,2026-01-01,,,,,\n"
        f"7,2026-01-01,,{'x' * 300_000},,,\n"
    )
    outcome = command.run(plan(tenant, file))
    found = sorted(rejects(file))
    assert outcome.rows == outcome.counts.rows == 7
    assert outcome.counts == Counts(accepted=2, rejected=5)
    assert [line for line, _ in found] == [3, 4, 7, 8, 9]
    for (_, reason), said in zip(
        found,
        ["not a time", "between min and max", "4 cells, the header 7", "needs a text", "at most"],
        strict=True,
    ):
        assert said in reason
    assert file.with_name("rejects.jsonl").stat().st_mode & 0o077 == 0
    lines = map(json.loads, file.with_name("rejects.jsonl").read_text().splitlines())
    rows = {found["line"]: found["row"] for found in lines}
    assert {"id": "3", "score": "11"}.items() <= rows[4].items()
    assert rows[7] == ["5", "2026-01-01", "", "too few"]


def test_rows_without_text_are_accepted(tenant: Any, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text(
        "Complaint ID,Date received,Product,Issue,Consumer complaint narrative\n"
        "1,2020/3/18,Mortgage,Trouble during payment process,\n"
        "2,2020/3/18,Mortgage,Trouble during payment process,They lost my payment\n"
    )
    history = plan(tenant, file, mapping=find("cfpb"), source="", history=True)
    assert command.run(history).counts == Counts(accepted=2)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "Comment,Rating\nslow,3\n",
            "Not known to the mapping: Comment, Rating; it reads account_id, channel, ",
        ),
        ("text;score\nslow;3\n", "The columns seem to be separated by ';'"),
        ("id,email\n1,ann@firm.com\n", "Not known to the mapping: none; it reads account_id"),
    ],
)
def test_a_file_that_would_be_stored_without_text_or_score_is_refused(
    installed: Installation, tenant: Any, tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "f.csv").write_text(content)
    refused = load_command(installed, tmp_path, tenant, "f.csv", "--source", "survey")
    told, _ = refused.communicate(timeout=60)
    assert refused.returncode == 1
    assert said in told
    assert "--wordless" in told
    assert [p.name for p in tmp_path.iterdir()] == ["f.csv"]
    meant = load_command(installed, tmp_path, tenant, "f.csv", "--source", "survey", "--wordless")
    told, _ = meant.communicate(timeout=60)
    assert meant.returncode in (0, 3), told
    assert told.startswith("created source survey\n1 row = ")


def test_a_new_source_is_told_once(tenant: Any, tmp_path: Path) -> None:
    file = table(tmp_path / "f.csv", 3)
    assert command.run(plan(tenant, file)).created == ["survey"]
    assert command.run(plan(tenant, file)).created == []
    assert command.run(plan(tenant, file, source="other", history=True)).created == ["other"]


def test_the_help_names_the_columns_and_exit_codes() -> None:
    said = inspect.getdoc(load) or ""
    columns = [*find("generic-csv").columns, *(i.column for i in find("generic-csv").identifiers)]
    assert [c for c in columns if not re.search(rf"\b{c}\b", said)] == []
    assert [c for c in (0, 1, 2, 3, 75, 130) if not re.search(rf"\b{c} ", said)] == []


def test_rows_without_an_id_are_told_apart_by_occurrence(tenant: Any, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("text\nlovely\nawful\nlovely\n")
    assert command.run(plan(tenant, file)).counts == Counts(accepted=3)
    assert command.run(plan(tenant, file)).counts == Counts(unchanged=3)


def test_the_last_row_of_a_record_is_what_stays(tenant: Any, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    with file.open("w") as out:
        out.write("id,created_at,text\n")
        for turn in range(40):
            out.writelines(f"{i},2026-01-01,{i} says {turn}\n" for i in range(50))
    outcome = command.run(plan(tenant, file, requests=8))
    assert outcome.counts == Counts(accepted=2000)
    last = tmp_path / "last.csv"
    last.write_text(
        "id,created_at,text\n" + "".join(f"{i},2026-01-01,{i} says 39\n" for i in range(50))
    )
    assert command.run(plan(tenant, last)).counts == Counts(unchanged=50)


def test_history_is_a_load_that_is_closed(tenant: Any, tmp_path: Path) -> None:
    file = table(tmp_path / "f.csv", 60)
    with file.open("a") as out:
        out.write("x,,,no time at all,9,,\n")
    outcome = command.run(plan(tenant, file, history=True))
    assert outcome.counts == Counts(accepted=60, rejected=1)
    assert "history needs" in rejects(file)[0][1]
    load = tenant.get(f"/v1/loads/{outcome.load}")
    assert (load["state"], load["accepted"]) == ("closed", 60)
    assert outcome.state == "closed"
    assert load["since"].startswith("2026-01-01")


def test_activities_go_to_their_own_route(tenant: Any, tmp_path: Path) -> None:
    file = tmp_path / "f.jsonl"
    line = {"source": "crm", "id": "1", "kind": "deployment", "occurred_at": "2026-01-01T00:00:00Z"}
    file.write_text(json.dumps(line) + "\n" + json.dumps(line | {"id": 2}) + "\n")
    outcome = command.run(plan(tenant, file, mapping=find("native-activity"), source=""))
    assert outcome.counts == Counts(accepted=1, rejected=1)
    assert rejects(file) == [(2, "Expected `str`, got `int` - at `$.id`")]


def test_a_tenants_rate_is_kept_to(
    installed: Installation, ingest: Fleet, tenant_with: Callable[..., Any], tmp_path: Path
) -> None:
    tenant = tenant_with(rate=500)
    began = time.monotonic()
    outcome = command.run(plan(tenant, table(tmp_path / "f.csv", 1600)))
    assert outcome.counts == Counts(accepted=1600)
    assert time.monotonic() - began > 1


def test_a_refused_token_ends_the_load_and_a_good_one_goes_on(tenant: Any, tmp_path: Path) -> None:
    file = table(tmp_path / "f.csv", 100)
    with pytest.raises(command.ApiError, match="does not verify") as refused:
        command.run(plan(tenant, file, token=tenant.token[:-4] + "AAAA"))
    assert refused.value.status == 401
    assert command.run(plan(tenant, file)).counts == Counts(accepted=100)


@pytest.fixture
def tenant_with(installed: Installation, ingest: Fleet, make_tenant: Any) -> Callable[..., Any]:
    return lambda **settings: make_tenant(ingest.url("ingest"), **settings)


@pytest.fixture
def own_api(installed: Installation, tmp_path: Path) -> Iterator[Fleet]:
    """An api of the test's own, that it may kill."""
    with Fleet(tmp_path / "logs", installed.environment(), restart=False) as fleet:
        fleet.start("ingest", "api")
        fleet.wait_ready(90)
        yield fleet


def test_an_api_that_goes_and_comes_back_loses_and_doubles_nothing(
    own_api: Fleet, make_tenant: Any, tmp_path: Path
) -> None:
    (api,) = own_api.processes
    tenant = make_tenant(api.url, rate=1000)
    file = table(tmp_path / "f.csv", 6000)
    seen: list[str] = []

    def told(watch: command.Watch) -> None:
        if watch.counts.accepted and api.running() and api.starts == 1:
            api.kill()
        elif not api.running() and "does not answer" in watch.waiting:
            seen.append(watch.waiting)
            api.start()

    outcome = command.run(plan(tenant, file, patience=60.0), told)
    assert seen
    assert outcome.rows == outcome.counts.rows == 6000
    assert outcome.counts.rejected == 0
    assert command.run(plan(tenant, file)).counts == Counts(unchanged=6000)
    stored = tenant.get("/v1/sources/survey")
    assert stored["accepted"] == 6000


def test_an_api_that_stays_away_is_given_up_and_the_load_goes_on_later(
    own_api: Fleet, make_tenant: Any, tmp_path: Path
) -> None:
    (api,) = own_api.processes
    tenant = make_tenant(api.url, rate=300)
    file = table(tmp_path / "f.csv", 5000)
    with pytest.raises(GaveUp, match=r"does not answer.*; nothing was taken for 5 s"):
        command.run(
            plan(tenant, file, patience=5.0),
            lambda watch: api.kill() if watch.counts.accepted else None,
        )
    api.start()
    own_api.wait_ready(90)
    tenant.configure()
    outcome = command.run(plan(tenant, file))
    assert outcome.resumed
    assert outcome.rows == outcome.counts.rows == 5000
    assert outcome.counts.unchanged <= 4 * 500  # what was under way, a request of each lane
    assert tenant.get("/v1/sources/survey")["accepted"] == 5000


# A shell starts what runs in its background with SIGINT ignored, and its children inherit that.
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from voc_cli.main import main
main()
"""


def load_command(
    place: Installation, folder: Path, tenant: Any, *arguments: str
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, "load", *arguments, "--mapping", "generic-csv"],
        env=place.environment()
        | {"VOC_TOKEN": tenant.token, "VOC_URL_INGEST": tenant.url, "COLUMNS": "200"},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_command_that_is_ended_goes_on_where_it_was(
    installed: Installation,
    tenant_with: Callable[..., Any],
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    tenant = tenant_with(rate=700)
    file = table(tmp_path / "f.csv", 4000)
    bad = "".join(f"b{i},someday,,bad time,9,,card\n" for i in range(30))
    file.write_text(file.read_text() + bad)
    state = tmp_path / "f.csv.rejects.jsonl.state"

    first = load_command(installed, tmp_path, tenant, "f.csv", "--source", "survey")
    deadline = time.monotonic() + 60
    while not state.exists() or json.loads(state.read_text())["counts"]["accepted"] == 0:
        assert first.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(first.pid, number)
    said, _ = first.communicate(timeout=60)
    if number == signal.SIGINT:
        assert first.returncode == 130
        assert "run the same command again" in said
    assert 0 < json.loads(state.read_text())["counts"]["accepted"] < 4000
    tenant.configure()

    second = load_command(installed, tmp_path, tenant, "f.csv", "--source", "survey")
    said, _ = second.communicate(timeout=120)
    assert second.returncode == 3, said
    assert "4,030 rows = " in said
    assert " + 30 rejected, in " in said
    assert "(resumed)" in said
    assert len((tmp_path / "f.csv.rejects.jsonl").read_text().splitlines()) == 30
    assert not state.exists()
    assert tenant.get("/v1/sources/survey")["accepted"] == 4000


def test_two_loads_of_one_file_do_not_run_at_once(tenant: Any, tmp_path: Path) -> None:
    file = table(tmp_path / "f.csv", 3000)
    refused: list[Outcome | Exception] = []

    def told(_: command.Watch) -> None:
        if not refused:
            try:
                refused.append(command.run(plan(tenant, file)))
            except RuntimeError as error:
                refused.append(error)

    assert command.run(plan(tenant, file), told).counts == Counts(accepted=3000)
    assert "another load writes to" in str(refused[0])


def test_the_command_shows_items_without_sending(
    installed: Installation, tenant: Any, tmp_path: Path
) -> None:
    table(tmp_path / "f.csv", 5)
    process = load_command(installed, tmp_path, tenant, "f.csv", "--source", "dry", "--show", "2")
    said, _ = process.communicate(timeout=60)
    first, second = said.splitlines()
    assert first.startswith('line 2: {"')
    assert json.loads(first.partition(": ")[2])["source"] == "dry"
    assert second.startswith("line 3: ")
    answer = httpx.get(
        f"{tenant.url}/v1/sources/dry",
        headers={"Authorization": f"Bearer {tenant.token}"},
        trust_env=False,
    )
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("2", 2.0), ("", 0.0), ("Wed, 21 Oct 2026", 0.0), ("-3", 0), ("9e9", 60)],
)
def test_what_a_server_asks_for_is_waited_but_not_for_ever(header: str, seconds: float) -> None:
    assert retry_after(header) == seconds
