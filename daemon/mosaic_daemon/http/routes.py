"""All routes. The API's description is made of them."""

from __future__ import annotations

from mosaic_daemon.http import api, assets, commands, metrics, probes
from mosaic_daemon.http.pages import attempt, lists, login, status, task, tasks
from mosaic_daemon.http.routing import Door, Parameter, Route, Routes
from mosaic_daemon.http.schemas import FLAG, NUMBER, TEXT, thing

_STATUS = Parameter("status", "one or more statuses with commas between them", TEXT)
_PHASE = Parameter("phase", "its number", NUMBER)
_WORDS = Parameter("q", "words in the id or the description", TEXT)
_OFFSET = Parameter("offset", "how many to leave out at the start", NUMBER)
_LIMIT = Parameter("limit", "how many at most", NUMBER)
_AFTER = Parameter("after", "only events with higher numbers", NUMBER)
_BYTES = Parameter("bytes", "how much of the log's end", NUMBER)
_TASK = Parameter("task", "its id", TEXT)
_DRAIN = {**thing(now=FLAG), "required": []}

_PAGES = (
    Route("GET", "/", "the status page", status.shown, is_page=True),
    Route("GET", "/tasks", "tasks", tasks.shown, is_page=True),
    Route("GET", "/tasks/{task}", "one task", task.shown, is_page=True),
    Route("GET", "/tasks/{task}/attempts/{attempt}", "an attempt's log", attempt.shown, is_page=True),
    Route("GET", "/graph", "what depends on what", lists.graph, is_page=True),
    Route("GET", "/budget", "budget and tokens", lists.budget, is_page=True),
    Route("GET", "/events", "events", lists.events, is_page=True),
    Route("GET", "/login", "asks for the token", login.shown, door=Door.OPEN, is_page=True),
    Route("POST", "/login", "takes the token", command=login.entered, door=Door.OPEN, is_page=True),
    Route("POST", "/logout", "ends the session", command=login.ended, is_page=True),
    Route("GET", "/static/{file}", "assets", command=assets.asset, door=Door.OPEN, is_page=True),
    Route("POST", "/tasks/{task}/retry", "a button", command=commands.retry, is_page=True),
    Route("POST", "/tasks/{task}/cancel", "a button", command=commands.cancel, is_page=True),
    Route("POST", "/drain", "a button", command=commands.drain, is_page=True),
    Route("POST", "/resume", "a button", command=commands.resume, is_page=True),
)

_PROGRAMS = (
    Route("GET", "/healthz", "whether it answers", command=probes.alive, door=Door.OPEN, answer="text/plain"),
    Route("GET", "/readyz", "whether it takes on work", command=probes.ready, door=Door.OPEN, answer="text/plain"),
    Route("GET", "/metrics", "metrics for Prometheus", metrics.metrics, answer="text/plain"),
    Route("GET", "/api/v1/openapi.json", "this description", api.description, answer="Description"),
    Route("GET", "/api/v1/status", "where everything stands", api.status, answer="Status"),
    Route(
        "GET",
        "/api/v1/tasks",
        "tasks, a page at a time",
        api.tasks,
        answer="Tasks",
        parameters=(_STATUS, _PHASE, _WORDS, _OFFSET, _LIMIT),
    ),
    Route("GET", "/api/v1/tasks/{task}", "everything about one task", api.task, answer="Task"),
    Route(
        "GET",
        "/api/v1/tasks/{task}/attempts/{attempt}/log",
        "the end of what its worker printed",
        api.log,
        answer="text/plain",
        parameters=(_BYTES,),
    ),
    Route("POST", "/api/v1/tasks/{task}/retry", "have it go on", command=api.retry, answer="Said"),
    Route("POST", "/api/v1/tasks/{task}/cancel", "stop its worker and put it off", command=api.cancel, answer="Said"),
    Route("GET", "/api/v1/events", "what happened", api.events, answer="Events", parameters=(_TASK, _AFTER, _LIMIT)),
    Route("GET", "/api/v1/stream", "server-sent events: that something has changed", answer="text/event-stream"),
    Route("GET", "/api/v1/budget", "tokens", api.budget, answer="Budget"),
    Route(
        "GET",
        "/api/v1/graph",
        "what depends on what",
        api.graph,
        answer="Graph",
        parameters=(_TASK, _STATUS, _PHASE, _WORDS),
    ),
    Route("POST", "/api/v1/drain", "start nothing new and end", command=api.drain, answer="Drain", body=_DRAIN),
    Route("POST", "/api/v1/resume", "take the drain back", command=api.resume, answer="Drain"),
)

ROUTES = Routes((*_PAGES, *_PROGRAMS))
