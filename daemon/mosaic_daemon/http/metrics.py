"""The state of the repository in Prometheus' text format, version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from mosaic_daemon.http.messages import Request, Response, as_text
from mosaic_daemon.http.site import View
from mosaic_daemon.nouns.task import Status

KIND = "text/plain; version=0.0.4; charset=utf-8"
_BANDS = ("normal", "conservative", "frozen", "over")

Sample = tuple[Mapping[str, str], float]


def metrics(view: View, request: Request) -> Response:
    shown = view.overview()
    return as_text("".join(_lines(view, shown)), KIND)


def _lines(view: View, shown: Mapping[str, Any]) -> Iterator[str]:
    counts = shown["tasks"]["by_status"]
    gauge, counter = "gauge", "counter"
    yield from _metric(
        "tasks", gauge, "Tasks by status.", [({"status": each.value}, counts.get(each.value, 0)) for each in Status]
    )
    yield from _metric("workers", gauge, "Workers at work.", [({}, shown["slots"]["used"])])
    yield from _metric("worker_slots", gauge, "Workers there may be.", [({}, shown["slots"]["of"] or 0)])
    ages = [({"task": each["task"], "step": each["step"]}, _age(each["since"], view.now)) for each in shown["gates"]]
    yield from _metric("gate_step_age_seconds", gauge, "How long a gate stands at its step.", ages)
    reviews = [({"task": each["task"]}, _age(each["since"], view.now)) for each in shown["reviews"]]
    yield from _metric("review_age_seconds", gauge, "How long a review takes so far.", reviews)
    yield from _metric("attention", gauge, "Tasks that need a person.", [({}, len(shown["attention"]))])
    yield from _metric("problems", gauge, "Problems that status shows.", [({}, len(shown["problems"]))])
    yield from _metric("deadlock", gauge, "Whether nothing can start.", [({}, int(shown["deadlock"] is not None))])
    yield from _metric("draining", gauge, "Whether it drains.", [({}, int(shown["daemon"]["draining"]))])
    held = [({"runtime": each["runtime"]}, 1) for each in shown["held_runtimes"]]
    yield from _metric("runtime_held", gauge, "Runtimes that start nothing now.", held)
    yield from _budget(shown["budget"])
    yield from _metric("events_total", counter, "Events in the ledger.", [({}, view.about["seq"])])
    since = shown["daemon"]["since"]
    started: list[Sample] = [({}, datetime.fromisoformat(since).timestamp())] if since else []
    yield from _metric("start_time_seconds", gauge, "When the daemon started, since the epoch.", started)
    answered = sorted(view.site.answered.items())
    yield from _metric(
        "http_answers_total", counter, "Answers by status.", [({"code": str(code)}, count) for code, count in answered]
    )


def _budget(budget: Mapping[str, Any] | None) -> Iterator[str]:
    if budget is None:
        return
    for name in ("cap", "used", "remaining", "projected"):
        yield from _metric(f"budget_{name}_tokens", "gauge", f"Tokens: {name}.", [({}, budget[name])])
    bands = [({"band": band}, int(budget["band"] == band)) for band in _BANDS]
    yield from _metric("budget_band", "gauge", "The band that the budget is in.", bands)


def _metric(name: str, kind: str, about: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP mosaic_{name} {about}\n# TYPE mosaic_{name} {kind}\n"
    for labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"mosaic_{name}{{{shown}}} {_figure(value)}\n" if shown else f"mosaic_{name} {_figure(value)}\n"


def _figure(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _age(since: str | None, now: datetime) -> float:
    return round(max(0.0, (now - datetime.fromisoformat(since)).total_seconds()), 1) if since else 0.0


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
