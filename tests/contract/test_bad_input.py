"""Bad input to every route of every OpenAPI document: refused as problem+json, and nothing of it is stored."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest
from contract import hostile, tokens
from contract.apis import Apis
from contract.requests import Shot, Target, problem
from contract.table import ROUTES
from contract.table.route import Route
from contract.worlds import World
from voc_cli import services
from voc_common.auth import SCOPES

pytestmark = pytest.mark.slow

Make = Callable[[str], Awaitable[World]]


def routes(which: Callable[[Route], bool] = lambda _: True) -> pytest.MarkDecorator:
    chosen = [(s, r) for s, listed in ROUTES.items() for r in listed if which(r)]
    names = [f"{service} {route}" for service, route in chosen]
    return pytest.mark.parametrize(("service", "route"), chosen, ids=names)


@pytest.mark.parametrize("service", services.SERVICES)
async def test_every_documented_route_has_its_cases(apis: Apis, service: str) -> None:
    assert service not in apis.broken, apis.broken[service]
    found = {
        f"{method.upper()} {path}"
        for path, methods in apis.documents[service]["paths"].items()
        for method in methods
    }
    assert found == {str(r) for r in ROUTES[service]}
    assert all(r.scopes and set(r.scopes) <= set(SCOPES) for r in ROUTES[service])


@routes(lambda r: r.body is not None)
async def test_the_good_body_has_every_documented_field(
    apis: Apis, make: Make, service: str, route: Route
) -> None:
    """Only fields that the good body has are attacked: a new one must come into the table."""
    target = Target(apis, service, route, await make(service))
    operation = target.document["paths"][route.path][route.method.lower()]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    missing = list(_missing(target.document, schema, target.body, "", route.free))
    assert not missing


def _missing(
    document: Mapping[str, Any],
    schema: Mapping[str, Any],
    value: Any,
    at: str,
    free: frozenset[str],
) -> Iterator[str]:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for inner in schema.get("anyOf", []):
        yield from _missing(document, inner, value, at, free)
    if at in free:
        return
    if isinstance(value, list) and "items" in schema:
        for one in value or [None]:
            yield from _missing(document, schema["items"], one, f"{at}/*", free)
    for name, inner in schema.get("properties", {}).items():
        if not isinstance(value, dict) or name not in value:
            yield f"{at}/{name}"
        else:
            yield from _missing(document, inner, value[name], f"{at}/{name}", free)


@routes()
async def test_a_worthless_token_opens_nothing(
    apis: Apis, make: Make, service: str, route: Route
) -> None:
    target = Target(apis, service, route, await make(service))
    tenant = target.world["tenant"]
    before = await apis.digest(service, tenant)
    faults: list[str] = []
    worthless = tokens.worthless(apis.keys, tenant, " ".join(route.scopes))
    for name, header in worthless.items():
        answer = await target.send(token=header)
        fault = problem(answer, [401])
        if not fault and "www-authenticate" not in answer.headers:
            fault = "does not say how to authenticate"
        faults += [f"{name}: {fault}"] if fault else []
    for missing in route.scopes:
        others = set(SCOPES) - {missing, "tenants:admin"}
        fault = problem(await target.send(token=apis.token(tenant, *others)), [403])
        faults += [f"without {missing}: {fault}"] if fault else []
    fault = problem(await target.send(token=apis.token(tenant)), [403])
    faults += [f"without any scope: {fault}"] if fault else []
    assert not faults, "\n".join(faults)
    assert await apis.digest(service, tenant) == before
    answer = await target.send()
    assert route.good(answer), answer.text


@routes(lambda r: r.body is not None)
async def test_a_bad_body_is_refused_and_leaves_nothing(
    apis: Apis, make: Make, service: str, route: Route
) -> None:
    target = Target(apis, service, route, await make(service))
    tenant = target.world["tenant"]
    before = await apis.digest(service, tenant)
    url = target.url()
    faults = await target.refused(
        Shot(a.name, url, a.content, a.headers, a.statuses)
        for a in hostile.whole_bodies(target.body)
    )
    faults += await target.refused(
        Shot(name, url, hostile.encode(body), hostile.JSON)
        for name, body in hostile.fields(target.body, route.free)
        if not name.endswith(tuple(route.taken))
    )
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults)
    assert await apis.digest(service, tenant) == before
    answer = await target.send()
    assert route.good(answer), answer.text


@routes(lambda r: r.binary is not None)
async def test_a_bad_file_is_refused_and_leaves_nothing(
    apis: Apis, make: Make, service: str, route: Route
) -> None:
    target = Target(apis, service, route, await make(service))
    tenant = target.world["tenant"]
    before = await apis.digest(service, tenant)
    assert target.content is not None
    faults = await target.refused(
        Shot(a.name, target.url(), a.content, a.headers, a.statuses)
        for a in hostile.files(target.content)
    )
    assert not faults, "\n".join(faults)
    assert await apis.digest(service, tenant) == before
    answer = await target.send()
    assert route.good(answer), answer.text


@routes(lambda r: bool(r.free or r.taken))
async def test_strange_content_of_the_senders_own_is_no_fault(
    apis: Apis, make: Make, service: str, route: Route
) -> None:
    """Taken or refused; and what was taken can be read again."""
    target = Target(apis, service, route, await make(service))
    bodies = list(hostile.strange_but_free(target.body, route.free))
    bodies += [
        (name, body)
        for name, body in hostile.fields(target.body, route.free)
        if name.endswith(tuple(route.taken))
    ]
    assert len(bodies) >= len(route.taken)
    faults: list[str] = []
    for name, body in bodies:
        shot = Shot(name, target.url(), hostile.encode(body), hostile.JSON)
        answer = await target.send(shot)
        fault = "" if answer.is_success else problem(answer)
        if not answer.is_success and name.endswith(tuple(route.taken)):
            fault = f"refused: {answer.text}"
        faults += [f"{name}: {fault}"] if fault else []
        if answer.is_success:
            target.world.update(route.made(answer))
            faults += [f"{name}, then {f}" for f in await _unreadable(target)]
    assert not faults, "\n".join(faults)


async def _unreadable(target: Target) -> list[str]:
    """What the tenant cannot read any more."""
    found: list[str] = []
    for route in ROUTES[target.service]:
        if route.method == "GET":
            answer = await Target(target.apis, target.service, route, target.world).send()
            found += [] if answer.is_success else [f"{route}: {answer.status_code} {answer.text}"]
    return found


@routes(lambda r: "{" in r.path or r.method == "GET" or r.query({"load": "", "mail": ""}))
async def test_a_bad_parameter_is_refused(
    apis: Apis, make: Make, service: str, route: Route
) -> None:
    target = Target(apis, service, route, await make(service))
    tenant = target.world["tenant"]
    before = await apis.digest(service, tenant)
    shots: list[Shot] = []
    content, headers = target.content, target.headers
    for parameter in target.parameters:
        name, where, schema = parameter["name"], parameter["in"], parameter["schema"]
        if where == "path":
            # PUT makes what is not there, so any name that may be one is good.
            free = re.compile(schema.get("pattern", "$") if route.method == "PUT" else "$")
            for value in (v for v in hostile.in_path(schema) if not free.match(v)):
                shot = Shot(f"{name}={value}", target.url({name: value}), content, headers)
                shots.append(shot)
        elif where == "query":
            values = hostile.in_query(schema, parameter.get("required", False))
            for value in hostile.CURSORS if name == "cursor" else values:
                shot = Shot(f"?{name}={value}", target.url(**{name: value}), content, headers)
                shots.append(shot)
            if parameter.get("required"):
                bare = target.url(**{name: ""}).replace(f"{name}=", "x=")
                shots.append(Shot(f"without {name}", bare, content, headers))
        elif name.lower() == "if-match":
            for value in ("x", "*", "", '"1', "-1", "9" * 30, 'W/"1"', '"1", "2"', "x" * 5000):
                shot = Shot(f"{name}: {value}", target.url(), content, headers | {name: value})
                shots.append(shot)
        else:
            pytest.fail(f"no cases for the {where} parameter {name}")
    faults = await target.refused(s for s in shots if not s.name.endswith(tuple(route.taken)))
    assert not faults, "\n".join(faults)
    assert await apis.digest(service, tenant) == before
    answer = await target.send()
    assert route.good(answer), answer.text


@routes()
async def test_another_tenants_ids_name_nothing(
    apis: Apis, make: Make, service: str, route: Route
) -> None:
    one, other = await make(service), await make(service)
    before = await apis.digest(service, other["tenant"])
    probe = Target(apis, service, route, one)
    # Every tenant counts some things from 1: such a number names something of each.
    for name in sorted(n for n in probe.uses if one[n] != other[n]):
        foreign = World({**one, name: other[name]})
        target = Target(apis, service, route, foreign)
        token = apis.token(one["tenant"], *route.scopes)
        answer = await target.send(token=token)
        wanted = route.foreign.get(name, 404)
        assert answer.status_code == wanted or (
            answer.is_success and not route.good(answer) and wanted >= 400
        ), f"{name}: {answer.status_code} {answer.text}"
        if wanted >= 400 and not answer.is_success:
            assert not problem(answer, [wanted])
        seen = {n for n in _told(answer, one, other) if n not in str(other[name])}
        assert not seen, f"{name}: the answer tells {seen}"
    answer = await Target(apis, service, route, one).send()
    told = _told(answer, one, other)
    assert not told, f"the answer tells {told}"
    assert await apis.digest(service, other["tenant"]) == before


def _told(answer: httpx.Response, one: World, other: World) -> set[str]:
    """Names and ids of another tenant alone that an answer tells."""
    names = {str(v) for v in other.values() if v not in one.values()}
    return {name for name in names if len(name) > 8 and name in answer.text}


@pytest.mark.parametrize("service", services.SERVICES)
async def test_what_is_no_route_is_a_problem_too(apis: Apis, service: str) -> None:
    url, faults = apis.urls[service], list[str]()
    for path, methods in apis.documents[service]["paths"].items():
        for method in {"GET", "PUT", "POST", "PATCH", "DELETE", "TRACE", "NONSENSE"} - {
            m.upper() for m in methods
        }:
            answer = await apis.http.request(method, url + path.replace("{", "").replace("}", ""))
            fault = problem(answer, [405])
            faults += [f"{method} {path}: {fault}"] if fault else []
    for path in ("/", "/v2", "/v1/nothing", "/v1/%00", "/../etc/passwd", "/v1/" + "x" * 9000):
        fault = problem(await apis.http.get(url + path), [404])
        faults += [f"{path[:40]}: {fault}"] if fault else []
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("service", services.SERVICES)
async def test_while_postgres_is_away_every_route_says_when_to_come_again(
    apis: Apis, make: Make, service: str
) -> None:
    found = await make(service)
    there = apis.urls[service]
    faults: list[str] = []
    async with apis.serving(service, DATABASE_URL="postgresql://voc:none@127.0.0.1:9/voc") as url:
        apis.urls[service] = url
        try:
            for route in ROUTES[service]:
                answer = await Target(apis, service, route, found).send()
                fault = problem(answer, [503])
                if not fault and not 0 < int(answer.headers.get("retry-after", 0)) <= 60:
                    fault = "does not say when to come again"
                faults += [f"{route}: {fault}"] if fault else []
            assert (await apis.http.get(f"{url}/readyz")).status_code == 503
            assert (await apis.http.get(f"{url}/livez")).status_code == 200
        finally:
            apis.urls[service] = there
    assert not faults, "\n".join(faults)


async def test_everything_that_was_accepted_reached_the_bus(apis: Apis) -> None:
    """After all of the above, hostile content that was taken included."""
    for _ in range(400):
        waiting = await apis.rows("select tenant from ingest.pending")
        if not waiting:
            break
        await asyncio.sleep(0.05)
    assert not waiting
    archived = await apis.rows("select count(*) as n from ingest.archive")
    assert archived[0]["n"] > 0
