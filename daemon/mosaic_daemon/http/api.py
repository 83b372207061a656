"""The API's answers: the documents of `views` as JSON, and requests to the daemon."""

from __future__ import annotations

import json
from typing import Any

from mosaic_daemon.http import openapi, schemas
from mosaic_daemon.http.logfile import NoLog, tail
from mosaic_daemon.http.messages import Problem, Request, Response, as_json, as_text
from mosaic_daemon.http.routing import number
from mosaic_daemon.http.site import Site, View
from mosaic_daemon.nouns.task import Status
from mosaic_daemon.store.mirror import Brief, Choice
from mosaic_daemon.views.budget import budget_document, budget_of, by_phase, configured_cap
from mosaic_daemon.views.figures import over_time
from mosaic_daemon.views.graph import graph_of
from mosaic_daemon.views.wording import sentence

ACTOR = "http"
MOST_TASKS = 500
MOST_EVENTS = 1000
_USUAL = 100
_LOG_BYTES = 256 * 1024
_MOST_LOG_BYTES = 4 * 1024 * 1024
_FAR = 10**12


def status(view: View, request: Request) -> Response:
    return as_json(view.overview())


def tasks(view: View, request: Request) -> Response:
    found, total = chosen(view, request)
    return as_json({"total": total, "offset": offset(request), "tasks": [brief_document(each) for each in found]})


def task(view: View, request: Request) -> Response:
    return as_json(view.explained(request.words["task"]))


def log(view: View, request: Request) -> Response:
    most = number(request, "bytes", _LOG_BYTES, _MOST_LOG_BYTES)
    try:
        return as_text(tail(view.layout, request.words["task"], int(request.words["attempt"]), most).text)
    except NoLog as error:
        raise Problem(404, str(error)) from None


def events(view: View, request: Request) -> Response:
    after = number(request, "after", 0, _FAR)
    limit = number(request, "limit", _USUAL, MOST_EVENTS)
    with view.mirror.look() as ledger:
        found = ledger.events(after=after, task=request.query.get("task"), newest=None if after else limit)[:limit]
    shown = [
        {
            "seq": each.seq,
            "at": each.at,
            "task": each.task or None,
            "actor": each.actor,
            "kind": each.kind,
            "sentence": sentence(each.kind, each.body),
            "event": each.body,
        }
        for each in found
    ]
    return as_json({"last": found[-1].seq if found else after, "events": shown})


def budget(view: View, request: Request) -> Response:
    with view.mirror.look() as ledger:
        spent = ledger.spending()
        points = over_time(ledger.briefs())
    found = budget_of(view.layout, spent, configured_cap(view.layout))
    return as_json(
        {
            "budget": budget_document(found) if found else None,
            "by_phase": by_phase(spent),
            "over_time": [{"at": at, "used": used} for at, used in points],
        }
    )


def graph(view: View, request: Request) -> Response:
    with view.mirror.look() as ledger:
        found = graph_of(ledger.briefs(), choice(request), request.query.get("task", ""))
    return as_json(found.document)


def description(view: View, request: Request) -> Response:
    from mosaic_daemon.http.routes import ROUTES  # noqa: PLC0415  # the table of routes names this function

    return as_json(openapi.document(ROUTES.all, schemas.SCHEMAS))


async def retry(site: Site, request: Request) -> Response:
    return as_json({"said": await ask_for(site, request, Status.NOT_STARTED)})


async def cancel(site: Site, request: Request) -> Response:
    return as_json({"said": await ask_for(site, request, Status.DEFERRED)})


async def drain(site: Site, request: Request) -> Response:
    now = _flag(request, "now")
    about = await site.ask("drain", {"now": now, "actor": ACTOR})
    return as_json({"draining": about["draining"], "in_flight": about["in_flight"]})


async def resume(site: Site, request: Request) -> Response:
    about = await site.ask("resume", {"actor": ACTOR})
    return as_json({"draining": about["draining"], "in_flight": about["in_flight"]})


async def ask_for(site: Site, request: Request, wanted: Status) -> str:
    """Raises InputError: there is no such task; Refused: the rules do not allow it."""
    return str(await site.ask("ask", {"task": request.words["task"], "wanted": wanted.value, "actor": ACTOR}))


def chosen(view: View, request: Request) -> tuple[list[Brief], int]:
    """A page of the tasks that the query asks for, and how many there are in all."""
    with view.mirror.look() as ledger:
        found = ledger.briefs(choice(request))
    start = offset(request)
    return found[start : start + number(request, "limit", _USUAL, MOST_TASKS)], len(found)


def offset(request: Request) -> int:
    return number(request, "offset", 0, _FAR)


def choice(request: Request) -> Choice:
    """Raises Problem: the query names no such status."""
    wanted = tuple(filter(None, request.query.get("status", "").split(",")))
    if unknown := set(wanted) - {each.value for each in Status}:
        raise Problem(400, f"there is no status `{', '.join(sorted(unknown))}`")
    phase = number(request, "phase", -1, _FAR)
    return Choice(wanted, None if phase < 0 else phase, request.query.get("q", "").strip().lower())


def brief_document(brief: Brief) -> dict[str, Any]:
    return {
        "id": brief.id,
        "status": brief.status,
        "description": brief.description,
        "phase": brief.phase,
        "estimate": brief.spent.estimate,
        "used": brief.spent.used,
        "depends_on": list(brief.needs),
        "started_at": brief.started_at,
        "completed_at": brief.completed_at,
    }


def _flag(request: Request, name: str) -> bool:
    """Raises Problem: the body is something else than a JSON object with this flag."""
    if not request.body:
        return False
    try:
        value = json.loads(request.body).get(name, False)
    except (ValueError, AttributeError, RecursionError):
        raise Problem(400, "the body has to be a JSON object") from None
    if not isinstance(value, bool):
        raise Problem(400, f"`{name}` has to be true or false")
    return value
