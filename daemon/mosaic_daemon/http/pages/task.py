"""One task: where it is and why, what would move it, its attempts, its evidence, and everything that happened to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mosaic_daemon.http.messages import Request, Response
from mosaic_daemon.http.pages import charts, shell
from mosaic_daemon.http.pages.html import Child, Markup, link, path, tag
from mosaic_daemon.http.site import View
from mosaic_daemon.views import text
from mosaic_daemon.views.figures import spans
from mosaic_daemon.views.wording import PASSED, STATUS, STEP, sentence

_TAIL_LINES = 20
_COURSE = STATUS | {"not-started": "waiting", "in-progress": "at work", "gate": "on the way to the base branch"}
_MOST_EVENTS = 200
_REVIEW = (
    ("verdict", "Verdict"),
    ("by", "By"),
    ("aspects", "Looks at"),
    ("not_reviewed_for", "Nobody for"),
    ("head_sha", "Commit"),
)


def shown(view: View, request: Request) -> Response:
    task = request.words["task"]
    return shell.page(view, request, task, *_parts(view, request, view.explained(task)))


def _parts(view: View, request: Request, found: Mapping[str, Any]) -> Iterator[Child]:
    task = found["task"]
    yield tag("h1", tag("span", task["id"], class_="id"), " ", shell.chip(found["status"]), _stage(found))
    yield tag("p", task["description"], class_="lead")
    yield _actions(view, request, found)
    if found["why"]:
        yield shell.section("Why", _lines(found["why"]), id_="why")
    if found["failure"]:
        yield _failure(found["failure"], loud=found["needs_you"])
    if found["next"]:
        yield shell.section("What would move it", _lines(found["next"]), id_="next", loud=found["needs_you"])
    yield shell.section("Facts", _facts(view, found), id_="facts")
    yield _course(view, found["events"])
    if found["attempts"]:
        yield _attempts(view, found)
    if found["review"]:
        yield shell.section("Review", _review(found["review"]), id_="review")
    gate = {name: value for name, value in found["gate"].items() if name != "summary"}
    if gate:
        pairs = [(PASSED.get(name, name.replace("_", " ")), shell.evidence(value)) for name, value in gate.items()]
        title = "Evidence" if found["status"] == "done" else "Gate"
        yield shell.section(title, shell.facts(pairs), id_="evidence")
    if found["notes"]:
        notes = found["notes"]
        yield shell.section("Notes", _lines([notes] if isinstance(notes, str) else notes), id_="notes")
    if found["events"]:
        yield _timeline(view, found["events"])


def _stage(found: Mapping[str, Any]) -> Child:
    if found["stage"] is None:
        return None
    _, gate, step = str(found["stage"]).partition("gate:")
    return tag("small", STEP.get(step, step) if gate else found["stage"])


def _lines(lines: list[str]) -> Markup:
    return tag("ul", *(tag("li", line) for line in lines), class_="plain")


def _actions(view: View, request: Request, found: Mapping[str, Any]) -> Markup:
    task, status = found["task"]["id"], found["status"]
    buttons: list[Child] = []
    if status in ("blocked", "failed", "deferred", "needs-qa"):
        buttons.append(shell.button(view, request, path("tasks", task, "retry"), "Retry", "main"))
    if status in ("not-started", "in-progress", "blocked", "needs-qa"):
        form = shell.button(view, request, path("tasks", task, "cancel"), "Cancel the task", "danger")
        what = "Its worker, if it has one, is stopped and the task is put off. A retry takes it back."
        buttons.append(shell.sure("Cancel…", what, form, "cancel"))
    buttons.append(link(path("graph", task=task), "Dependencies"))
    return tag("div", *buttons, class_="actions", id="actions")


def _failure(failure: Mapping[str, Any], *, loud: bool) -> Markup:
    step = str(failure["step"]).removeprefix("gate:")
    pairs: list[tuple[str, Child]] = [
        ("What", failure["what"]),
        ("Step", STEP.get(step, step)),
        ("Said", failure["message"]),
    ]
    tail = "\n".join(text.cleaned(failure["tail"]).splitlines()[-_TAIL_LINES:])
    return shell.section(
        "What went wrong" if loud else "What went wrong last time",
        shell.facts(pairs),
        [tag("h3", "The command that failed"), tag("pre", failure["command"])] if failure["command"] else None,
        [tag("h3", "The last it said"), tag("pre", tail)] if tail else None,
        id_="failure",
        loud=loud,
    )


def _facts(view: View, found: Mapping[str, Any]) -> Markup:
    task = found["task"]
    needs = [
        (tag("span", shell.task_link(each["id"]), " ", shell.chip(each["status"])), " ") for each in found["needs"]
    ]
    estimate = f" of {task['estimate']} estimated" if task.get("estimate") else ""
    used = f"{found['used']}{estimate}" if found["used"] else ""
    pairs: list[tuple[str, Child]] = [
        ("Kind", task["kind"]),
        ("Phase", "" if task["phase"] is None else str(task["phase"])),
        ("Priority", str(task["priority"] or "")),
        ("Issue", task["issue"]),
        ("Branch", task["branch"]),
        ("Files", ", ".join(task["files"])),
        ("Runtime", task["runtime"] or ""),
        ("Depends on", needs),
        ("Blocks", [(shell.task_link(each), " ") for each in task["blocks"]]),
        ("Started", shell.at(found["started_at"], view.now) if found["started_at"] else ""),
        ("Completed", shell.at(found["completed_at"], view.now) if found["completed_at"] else ""),
        ("Used", used),
    ]
    return shell.facts(pairs)


def _attempts(view: View, found: Mapping[str, Any]) -> Markup:
    rows = []
    for each in found["attempts"]:
        fence = each["name"].rpartition(".")[2]
        name = (
            link(path("tasks", found["task"]["id"], "attempts", fence), each["name"], class_="id")
            if each["log"]
            else each["name"]
        )
        began = each["started_at"] or each["prepared_at"]
        took: Child = shell.age(began, view.now)
        if each["ended_at"]:
            took = text.span(began, text.moment(each["ended_at"]))
        rows.append((name, each["agent"], shell.at(began, view.now), took, text.one_line(each["outcome"], 200)))
    table = shell.table(("Attempt and log", "Agent", "Began", "Took", "Outcome"), rows)
    return shell.section("Attempts", table, id_="attempts")


def _course(view: View, events: list[Mapping[str, Any]]) -> Markup | None:
    found = spans(events, view.now)
    if not found:
        return None
    stages = dict.fromkeys(each.stage for each in found)
    names = [tag("span", _COURSE.get(stage, stage), class_=f"count {stage}") for stage in stages]
    begin, end = (tag("span", text.when(at, view.now)) for at in (found[0].start, found[-1].end))
    return shell.section(
        "Timeline",
        charts.timeline(found),
        tag("div", begin, end, class_="ends"),
        tag("p", *names, class_="legend"),
        id_="course",
        aside=text.span(found[0].start, found[-1].end),
    )


def _review(review: Mapping[str, Any]) -> Child:
    pairs = [(label, shell.plain(review.get(name))) for name, label in _REVIEW]
    findings = review.get("findings") or ()
    rows = [
        tag(
            "li",
            shell.chip("needs-qa", each["severity"] or "finding"),
            " ",
            each["title"],
            f" ({each['file']})" if each["file"] else None,
        )
        for each in findings
    ]
    return [shell.facts(pairs), tag("ul", *rows, class_="plain") if rows else None]


def _timeline(view: View, events: list[Mapping[str, Any]]) -> Markup:
    rows = [
        (shell.at(each["at"], view.now), each["actor"], text.one_line(sentence(each["kind"], each["event"]), 300))
        for each in reversed(events[-_MOST_EVENTS:])
    ]
    aside = f"the newest {_MOST_EVENTS} of {len(events)}" if len(events) > _MOST_EVENTS else None
    return shell.section(
        "What happened", shell.table(("When", "Who", "What"), rows, class_="events"), id_="happened", aside=aside
    )
