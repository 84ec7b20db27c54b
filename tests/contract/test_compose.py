"""docker-compose.yml and the Dockerfile say what the code needs: services, settings, jobs, ports, health."""

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner
from voc_cli import services
from voc_cli.main import app
from voc_cli.up import FIRST_PORT
from voc_common.settings import Settings
from voc_local import kafka_jars, postgres

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
CONTAINERS: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PLAIN = Settings(database_url="", kafka_bootstrap_servers="")
JOBS = {"migrate": ["migrate"], "topics": ["topics", "apply"], "keys": ["keys", "--public"]}
PROCESSES = {
    f"{service}-{role}": (service, role)
    for service in services.SERVICES
    for role in ("api", "worker")
}


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} +(.*)$", DOCKERFILE, re.MULTILINE)


def image_environment() -> dict[str, str]:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    (line,) = re.findall(r"^ENV +(.*)$", last, re.MULTILINE)
    return dict(part.split("=", 1) for part in line.split())


def settings_of(service: str) -> type[Settings]:
    module = importlib.import_module(f"voc_{service}.settings")
    (found,) = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Settings) and kind is not Settings
    ]
    return found


def variables(kind: type[Settings]) -> set[str]:
    return {
        name for field in kind.__struct_fields__ for name in (field.upper(), f"VOC_{field.upper()}")
    }


def test_every_service_is_there_as_api_and_worker_beside_its_servers_and_jobs() -> None:
    assert CONTAINERS.keys() == {"postgres", "kafka"} | JOBS.keys() | PROCESSES.keys()


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_runs_its_service_in_its_role(name: str) -> None:
    service, role = PROCESSES[name]
    found = CONTAINERS[name]
    assert found["build"] == {
        "context": ".",
        "dockerfile": "deploy/Dockerfile",
        "args": {"SERVICE": service},
    }
    assert found["image"] == f"voc-{service}"
    assert found.get("command", ["run"]) == (["run", "--worker"] if role == "worker" else ["run"])
    assert found["restart"] == "unless-stopped"
    assert int(found["stop_grace_period"].removesuffix("s")) > PLAIN.drain_seconds
    assert "healthcheck" not in found  # the image's own


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_waits_for_its_servers_and_the_jobs(name: str) -> None:
    waits = {k: v["condition"] for k, v in CONTAINERS[name]["depends_on"].items()}
    assert waits == dict.fromkeys(("postgres", "kafka"), "service_healthy") | dict.fromkeys(
        JOBS, "service_completed_successfully"
    )


@pytest.mark.parametrize("service", services.SERVICES)
def test_apis_have_the_addresses_of_voc_up_and_workers_none(service: str) -> None:
    port = FIRST_PORT + services.SERVICES.index(service)
    inside = image_environment()["VOC_PORT"]
    assert CONTAINERS[f"{service}-api"]["ports"] == [f"127.0.0.1:{port}:{inside}"]
    assert "ports" not in CONTAINERS[f"{service}-worker"]


@pytest.mark.parametrize("name", PROCESSES)
def test_the_environment_is_all_that_the_settings_need_and_nothing_they_do_not_know(
    name: str,
) -> None:
    kind = settings_of(PROCESSES[name][0])
    given = CONTAINERS[name]["environment"]
    assert given.keys() <= variables(kind)
    for field in kind.__struct_fields__[
        : len(kind.__struct_fields__) - len(kind.__struct_defaults__)
    ]:
        assert field.upper() in given
    own = {"PATH", "PYTHONDONTWRITEBYTECODE", "VOC_SERVICE", "VOC_HOME", "VOC_TOPICS_FILE"}
    assert image_environment().keys() - own <= variables(kind)


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_a_command_that_voc_has_and_runs_once(name: str) -> None:
    found = CONTAINERS[name]
    assert found["command"][: len(JOBS[name])] == JOBS[name]
    words = [word for word in found["command"] if word.isalpha()]
    shown = CliRunner().invoke(app, [*words, "--help"])
    assert shown.exit_code == 0
    assert found["restart"] == "on-failure"
    assert found["healthcheck"] == {"disable": True}
    needs = {"migrate": ["postgres"], "topics": ["kafka"], "keys": []}[name]
    assert list(found.get("depends_on", {})) == needs


def test_the_private_key_is_with_its_job_alone() -> None:
    private = CONTAINERS["keys"]["environment"]["VOC_AUTH_KEYS_FILE"]
    public = CONTAINERS["keys"]["command"][-1]
    holders = {
        n for n, c in CONTAINERS.items() if any(v.startswith("keys:") for v in c.get("volumes", []))
    }
    assert holders == {"keys"}
    assert f"keys:{Path(private).parent}" in CONTAINERS["keys"]["volumes"]
    for name in PROCESSES:
        assert CONTAINERS[name]["environment"]["VOC_AUTH_KEYS_FILE"] == public
        assert CONTAINERS[name]["volumes"] == [f"public:{Path(public).parent}:ro"]


def test_every_volume_is_named_and_used() -> None:
    used = {v.split(":")[0] for c in CONTAINERS.values() for v in c.get("volumes", [])}
    assert used == COMPOSE["volumes"].keys() == {"postgres", "kafka", "keys", "public"}


def test_the_servers_are_of_the_versions_that_are_tested() -> None:
    assert CONTAINERS["kafka"]["image"] == f"apache/kafka:{kafka_jars.VERSION}"
    assert CONTAINERS["postgres"]["image"] == f"postgres:{postgres.MAJOR}"
    assert CONTAINERS["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    for name in ("postgres", "kafka"):
        assert CONTAINERS[name]["healthcheck"]["test"][0] == "CMD"


def test_postgres_has_connections_for_all_pools() -> None:
    command = CONTAINERS["postgres"]["command"]
    (allowed,) = [int(c.partition("=")[2]) for c in command if c.startswith("max_connections=")]
    assert len(services.SERVICES) * (PLAIN.pool_api + PLAIN.pool_worker) < allowed / 2


def test_addresses_lead_to_containers() -> None:
    given = CONTAINERS["ingest-api"]["environment"]
    assert "@postgres:5432/" in given["DATABASE_URL"]
    assert given["KAFKA_BOOTSTRAP_SERVERS"] == "kafka:9092"
    assert (
        CONTAINERS["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://kafka:9092"
    )
    database = CONTAINERS["postgres"]["environment"]
    password = database["POSTGRES_PASSWORD"]
    user, name = database["POSTGRES_USER"], database["POSTGRES_DB"]
    assert given["DATABASE_URL"] == f"postgresql://{user}:{password}@postgres:5432/{name}"


def test_the_image_holds_one_services_extra_by_the_lock_and_is_not_root() -> None:
    assert instructions("ARG") == ["SERVICE", "SERVICE"]
    installs = [line for line in instructions("RUN") if "pip install" in line]
    (dependencies,) = [line for line in installs if "--extra" in line]
    assert '--extra "$SERVICE" --extra cli --constraints requirements.lock' in dependencies
    extras = PROJECT["optional-dependencies"]
    assert {*services.SERVICES, "cli"} <= extras.keys()
    (user,) = instructions("USER")
    assert int(user) > 0
    assert DOCKERFILE.index("\nUSER ") < DOCKERFILE.index("\nENTRYPOINT ")


def test_the_image_runs_voc_answers_for_its_health_and_knows_the_topics() -> None:
    assert instructions("ENTRYPOINT") == ['["voc"]']
    assert instructions("CMD") == ['["run"]']
    given = image_environment()
    assert given["VOC_PORT"] == given["VOC_METRICS_PORT"] == instructions("EXPOSE")[0]
    (health,) = instructions("HEALTHCHECK")
    assert f"http://127.0.0.1:{given['VOC_PORT']}/readyz" in health
    assert f"deploy/topics.yaml {given['VOC_TOPICS_FILE']}" in instructions("COPY")
    assert given["VOC_HOST"] == "0.0.0.0"
    assert "voc" in PROJECT["scripts"]


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().split()
    assert ignored[0] == "*"
    for line in instructions("COPY"):
        if line.startswith("--from"):
            continue
        for source in line.split()[:-1]:
            assert (ROOT / source).exists()
            assert f"!{source}" in ignored
