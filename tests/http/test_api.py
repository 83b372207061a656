"""The API is as its description says, and says what the command line says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]

from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.http import openapi
from mosaic_daemon.http.routes import ROUTES
from mosaic_daemon.http.schemas import SCHEMAS
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.gate import Hold, Step
from mosaic_daemon.views.snapshot import overview
from mosaic_daemon.views.text import utc_now
from tests.http.serving import Served, served
from tests.samples import added, at, failure, to_gate, to_review, to_running

DESCRIPTION = openapi.document(ROUTES.all, SCHEMAS)


def everything(site: Served) -> None:
    """A task in most states."""
    site.happen("R-1", added("R-1", phase=1, estimate="8K", depends_on=("D-1",)), *to_running("R-1"))
    site.happen("V-1", *to_review("V-1"))
    site.happen("G-1", *to_gate(Step.MAIN_CI, "G-1"), ev.GateHeld(Hold("CI is running", at(60))))
    site.happen("D-1", *to_gate(Step.CLOSE, "D-1"), ev.TaskDone({"summary": "done", "merge_sha": "d" * 40}))
    site.happen("F-1", added("F-1", 5), *to_running("F-1"), ev.AttemptFailed(1, failure(), final=True, used=700))
    site.happen("B-1", added("B-1", 6, phase=2), ev.TaskBlocked("wait", "ada"))
    site.happen("NO-1", added("NO-1", 7, description="find me"))
    site.happen("", ev.RuntimeHeld("codex", Hold("limit", at(10**10))), ev.Reported("t", "something is wrong"))
    log = site.layout.attempts / "R-1.1" / "output.log"
    log.parent.mkdir(parents=True)
    log.write_text("line one\nline two\n")
    site.layout.config.write_text('[budget]\ncap = "100K"\n')


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def check(answer: httpx.Response, operation: dict[str, Any]) -> None:
    """The answer is one that its description has."""
    told = operation["responses"][str(answer.status_code)]["content"]
    kind = answer.headers["Content-Type"].partition(";")[0]
    assert kind in told, (kind, told)
    if kind == "application/json":
        schema = {**told[kind]["schema"], "components": DESCRIPTION["components"]}
        Draft202012Validator(schema, format_checker=FormatChecker()).validate(answer.json())


def test_the_description_has_every_route_and_no_other() -> None:
    routes = {(route.method, route.path) for route in ROUTES.all if not route.is_page}
    assert {(method, path) for method, path, _ in operations()} == routes
    assert all(path.startswith("/api/v1/") or path in ("/healthz", "/readyz", "/metrics") for _, path in routes)
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere() -> None:
    for name in re.findall(r"#/components/schemas/(\w+)", json.dumps(DESCRIPTION)):
        assert name in SCHEMAS
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


async def test_every_answer_is_as_described(layout: Layout) -> None:
    """Each operation for tasks in every state, and with what is wrong."""
    async with served(layout) as site, site.program() as client, site.client() as stranger:
        everything(site)
        assert (await client.get("/api/v1/openapi.json")).json() == DESCRIPTION
        for method, path, operation in operations():
            if path == "/api/v1/stream":
                continue
            for task in ("R-1", "V-1", "G-1", "D-1", "F-1", "B-1", "NO-1", "X-1") if "{task}" in path else ("",):
                answer = await client.request(method, path.replace("{task}", task).replace("{attempt}", "1"))
                known = task not in ("X-1", "NO-1") and not (path.endswith("log") and task != "R-1")
                assert answer.status_code == 200 or not known, (path, task, answer.text)
                check(answer, operation)
            refused = await stranger.request(method, path.replace("{task}", "R-1").replace("{attempt}", "1"))
            check(refused, operation)
            for each in operation.get("parameters", ()):
                if each["in"] == "query" and each["schema"]["type"] == "integer":
                    where = path.replace("{task}", "R-1").replace("{attempt}", "1")
                    check(await client.request(method, where, params={each["name"]: "-1"}), operation)


async def test_status_is_what_the_command_line_says(layout: Layout) -> None:
    async with served(layout) as site, site.program() as client:
        everything(site)
        told = (await client.get("/api/v1/status")).json()
        said = json.loads(json.dumps(overview(layout, utc_now())))
        for name in said.keys() - {"at", "daemon", "slots"}:
            assert told[name] == said[name], name
        assert told["slots"] == {"used": 1, "of": 2}
        assert [gate["step"] for gate in told["gates"]] == ["main-ci"]


async def test_status_follows_what_happens(layout: Layout) -> None:
    """Also what people write into files, and what the daemon says of itself."""
    async with served(layout) as site, site.program() as client:

        async def status() -> Any:
            return (await client.get("/api/v1/status")).json()

        site.happen("T-1", added("T-1"))
        assert (await status())["tasks"]["by_status"] == {"not-started": 1}
        site.happen("T-1", ev.TaskBlocked("wait", "ada"))
        assert (await status())["tasks"]["by_status"] == {"blocked": 1}
        assert (await status())["budget"] is None
        layout.config.write_text('[budget]\ncap = "100K"\n')
        assert (await status())["budget"]["cap"] == 100_000
        layout.tasks.write_text('{"version": 1, "tasks": [{"id": "N-1", "description": "new"}]}')
        assert (await status())["queue_file"]["added"] == ["N-1"]
        site.desk.draining = True
        assert (await status())["daemon"]["draining"] is True


async def test_tasks_come_in_pages(layout: Layout) -> None:
    async with served(layout) as site, site.program() as client:
        for number in range(25):
            site.happen(f"T-{number}", added(f"T-{number}", number, phase=number % 2, description=f"Item {number}."))
        site.happen("T-3", ev.TaskRemoved("ada"))
        site.happen("T-5", ev.TaskBlocked("wait", "ada"))

        async def ids(**query: Any) -> tuple[int, list[str]]:
            found = (await client.get("/api/v1/tasks", params=query)).json()
            return found["total"], [each["id"] for each in found["tasks"]]

        assert await ids(limit=3, offset=2) == (24, ["T-2", "T-4", "T-5"])
        assert await ids(limit=3, offset=99) == (24, [])
        assert await ids(status="blocked,done") == (1, ["T-5"])
        assert (await ids(phase=1))[0] == 11
        assert await ids(q="ITEM 24") == (1, ["T-24"])
        assert await ids(q="t-24") == (1, ["T-24"])
        assert (await client.get("/api/v1/tasks", params={"status": "gone"})).status_code == 400
        assert (await client.get("/api/v1/tasks", params={"limit": "1e9"})).status_code == 400


async def test_events_can_be_followed_by_number(layout: Layout) -> None:
    async with served(layout) as site, site.program() as client:
        for number in range(5):
            site.happen(f"T-{number}", added(f"T-{number}", number))
        first = (await client.get("/api/v1/events", params={"after": 1, "limit": 2})).json()
        assert [each["task"] for each in first["events"]] == ["T-1", "T-2"]
        rest = (await client.get("/api/v1/events", params={"after": first["last"]})).json()
        assert [each["task"] for each in rest["events"]] == ["T-3", "T-4"]
        newest = (await client.get("/api/v1/events", params={"limit": 1})).json()
        assert [each["seq"] for each in newest["events"]] == [5]
        assert (await client.get("/api/v1/events", params={"after": 5})).json() == {"last": 5, "events": []}


async def test_requests_reach_the_daemon_and_its_refusals_the_caller(layout: Layout) -> None:
    async with served(layout) as site, site.program() as client:
        everything(site)
        assert (await client.post("/api/v1/tasks/B-1/retry")).json() == {"said": "B-1 will be done again"}
        assert (await client.post("/api/v1/tasks/B-1/cancel")).status_code == 200
        refused = await client.post("/api/v1/tasks/NO-1/retry")
        assert refused.status_code == 409
        assert refused.json() == {"error": {"message": "the rules do not allow it", "remedy": "wait"}}
        assert (await client.post("/api/v1/tasks/X-1/retry")).status_code == 404
        assert (await client.post("/api/v1/drain", json={"now": True})).json()["draining"] is True
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.post("/api/v1/resume")).json()["draining"] is False
        for wrong in (b"[1]", b"{", b'{"now": 1}', b"[" * 50_000):
            assert (await client.post("/api/v1/drain", content=wrong)).status_code == 400
        assert [args.get("wanted", args.get("now")) for _, args in site.desk.asked] == [
            "not-started",
            "deferred",
            "not-started",
            "not-started",
            True,
            None,
        ]


async def test_probes_say_whether_it_takes_on_work(layout: Layout) -> None:
    async with served(layout) as site, site.client() as client:
        assert (await client.get("/healthz")).text == "ok\n"
        assert (await client.get("/readyz")).text == "ready\n"
        site.desk.ready = False
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.head("/healthz")).text == ""


async def test_metrics_are_prometheus_text(layout: Layout) -> None:
    async with served(layout) as site, site.program() as client:
        everything(site)
        answer = await client.get("/metrics")
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        lines = answer.text.splitlines()
        assert 'mosaic_tasks{status="blocked"} 1' in lines
        assert 'mosaic_tasks{status="deferred"} 0' in lines
        assert "mosaic_workers 1" in lines
        assert any(line.startswith('mosaic_gate_step_age_seconds{task="G-1",step="main-ci"} ') for line in lines)
        assert 'mosaic_runtime_held{runtime="codex"} 1' in lines
        assert "mosaic_budget_cap_tokens 100000" in lines
        assert f"mosaic_events_total {site.desk.ledger.seq}" in lines
        kinds = {line.split()[2] for line in lines if line.startswith("# TYPE")}
        assert {line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")} <= kinds


async def test_a_change_is_told_to_those_who_listen(layout: Layout) -> None:
    """How things stand at first, then each change; that it is one and no more."""
    async with served(layout) as site, site.program() as client:
        site.happen("T-1", added("T-1"))
        async with client.stream("GET", "/api/v1/stream") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "id: 1"
            assert await anext(lines) == "event: change"
            assert json.loads((await anext(lines)).removeprefix("data: ")) == {
                "seq": 1,
                "draining": False,
                "degraded": [],
            }
            assert await anext(lines) == ""
            site.happen("T-1", ev.TaskBlocked("wait", "ada"))
            assert await anext(lines) == "id: 2"
