"""Charts as inline SVG: sizes are attributes and colours are classes, as the policy allows no inline style."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from mosaic_daemon.http.pages.html import Child, Markup, join, path, tag
from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.views import text
from mosaic_daemon.views.figures import Span
from mosaic_daemon.views.graph import Graph, Node

_ORDER = ("done", "in-progress", "needs-qa", "blocked", "failed", "deferred", "not-started")
_WIDTH, _HEIGHT = 1100, 250
_LEFT, _BOTTOM = 44, 24
_COLUMN, _ROW, _BOX, _TALL = 190, 40, 150, 28


def stacked(by_status: Mapping[str, int], label: str) -> Markup:
    """One bar: the share of each status."""
    total = sum(by_status.values()) or 1
    return bar([(name, by_status.get(name, 0) / total) for name in _ORDER], label)


def bar(shares: Iterable[tuple[str, float]], label: str) -> Markup:
    """One bar of parts, each a class and its share of the whole; what is left stays empty."""
    parts: list[Markup] = []
    start = 0.0
    for name, share in shares:
        width = min(share, 1 - start) * 100
        if width > 0:
            parts.append(tag("rect", x=round(start * 100, 3), y=0, width=round(width, 3), height=8, class_=f"f {name}"))
            start += width / 100
    return _svg("0 0 100 8", parts, label, class_="bar", preserveAspectRatio="none")


def line(points: Sequence[Mapping[str, Any]], cap: int | None, now: datetime) -> Markup:
    """Tokens used over time, with the cap where it is near enough to be seen."""
    times = [datetime.fromisoformat(each["at"]).timestamp() for each in points]
    first, last = times[0], max(now.timestamp(), times[-1])
    most = max(each["used"] for each in points)
    top = max(most, cap) * 1.05 if cap and cap < most * 4 else most * 1.15
    span = (last - first) or 1

    def x(time: float) -> float:
        return float(round(_LEFT + (time - first) / span * (_WIDTH - _LEFT - 8), 1))

    def y(used: float) -> float:
        return float(round(_HEIGHT - _BOTTOM - used / top * (_HEIGHT - _BOTTOM - 8), 1))

    steps = [f"{x(first)},{y(0)}"]
    before = 0
    for time, each in zip(times, points, strict=True):
        steps += [f"{x(time)},{y(before)}", f"{x(time)},{y(each['used'])}"]
        before = each["used"]
    steps.append(f"{x(last)},{y(before)}")
    area = " ".join([*steps, f"{x(last)},{y(0)}"])
    pieces: list[Child] = [_grid(top, y)]
    pieces += [tag("polygon", points=area, class_="area"), tag("polyline", points=" ".join(steps), class_="line")]
    if cap and cap <= top:
        pieces.append(tag("line", x1=_LEFT, x2=_WIDTH - 8, y1=y(cap), y2=y(cap), class_="cap"))
        pieces.append(tag("text", f"cap {tokens_text(cap)}", x=_WIDTH - 10, y=y(cap) - 5, class_="end"))
    for time, anchor in ((first, ""), (last, "end")):
        shown = f"{datetime.fromtimestamp(time).astimezone():%d %b %H:%M}"
        pieces.append(tag("text", shown, x=x(time), y=_HEIGHT - 6, class_=anchor or None))
    label = f"{tokens_text(most)} tokens used until now"
    return _svg(f"0 0 {_WIDTH} {_HEIGHT}", pieces, label, class_="chart")


def _grid(top: float, y: Any) -> Markup:
    step = _nice(top / 4)
    found: list[Markup] = []
    value = 0
    while value <= top:
        found.append(tag("line", x1=_LEFT, x2=_WIDTH - 8, y1=y(value), y2=y(value), class_="grid"))
        found.append(tag("text", tokens_text(value), x=_LEFT - 6, y=y(value) + 4, class_="end"))
        value += step
    return join(found)


def _nice(about: float) -> int:
    scale = 10 ** max(0, len(str(int(about))) - 1)
    return int(next(step * scale for step in (1, 2, 5, 10) if step * scale >= about))


def phases(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """Tokens by phase: used, and to come, on one scale."""
    most = max((each["used"] + each["remaining"] for each in rows), default=0) or 1
    lines = [
        tag(
            "tr",
            tag("th", "no phase" if each["phase"] is None else f"Phase {each['phase']}", scope="row"),
            tag("td", bar([("used", each["used"] / most), ("to-come", each["remaining"] / most)], "")),
            tag("td", tokens_text(each["used"]), class_="n", data_label="used"),
            tag("td", tokens_text(each["remaining"]), class_="n", data_label="to come"),
            tag("td", tokens_text(each["estimated"]), class_="n", data_label="estimated"),
            tag("td", f"{each['done']} of {each['tasks']}", class_="n", data_label="done"),
        )
        for each in rows
    ]
    names = ("", "", "used", "to come", "estimated", "tasks done")
    head = tag("tr", *(tag("th", name, scope="col", class_="n" if at > 1 else None) for at, name in enumerate(names)))
    return tag("table", tag("thead", head), tag("tbody", *lines), class_="phases")


def timeline(spans: Sequence[Span]) -> Markup:
    """What a task did from when to when, on one scale of time."""
    first = spans[0].start
    whole = max((spans[-1].end - first).total_seconds(), 1.0)
    drawn = []
    for span in spans:
        x = (span.start - first).total_seconds() / whole * 100
        width = (span.end - span.start).total_seconds() / whole * 100
        title = tag("title", f"{span.stage} for {text.span(span.start, span.end)}")
        where = {"x": round(min(x, 99.5), 3), "y": 0, "width": round(max(width, 0.5), 3), "height": 14}
        drawn.append(tag("rect", title, class_=f"f {span.stage}", **where))
    stages = ", ".join(dict.fromkeys(span.stage for span in spans))
    return _svg("0 0 100 14", drawn, f"One after the other: {stages}", class_="timeline", preserveAspectRatio="none")


def graph(found: Graph) -> Markup:
    """Tasks from left to right, what waits for them further right."""
    places = {node.id: node for node in found.nodes}
    columns = max(node.column for node in found.nodes) + 1
    rows = max(node.row for node in found.nodes) + 1
    edges = [_edge(places[need], places[task]) for need, task in found.edges]
    size = {"width": columns * _COLUMN, "height": rows * _ROW + 8}
    drawn = [*edges, *map(_node, found.nodes)]
    return _svg(f"0 0 {size['width']} {size['height']}", drawn, "Dependencies", role="group", class_="graph", **size)


def _node(node: Node) -> Markup:
    x, y = node.column * _COLUMN + 4, node.row * _ROW + 4
    name = node.id if len(node.id) <= 19 else f"{node.id[:18]}…"
    return tag(
        "a",
        tag("title", f"{node.id} ({node.status}): {node.description}"),
        tag("rect", x=x, y=y, width=_BOX, height=_TALL, rx=5, class_="node"),
        tag("rect", x=x, y=y, width=5, height=_TALL, rx=2, class_=f"f {node.status}"),
        tag("text", name, x=x + 12, y=y + 18),
        href=path("tasks", node.id),
    )


def _edge(start: Node, end: Node) -> Markup:
    x1, y1 = start.column * _COLUMN + 4 + _BOX, start.row * _ROW + 4 + _TALL // 2
    x2, y2 = end.column * _COLUMN + 2, end.row * _ROW + 4 + _TALL // 2
    bend = max(24, (x2 - x1) // 2)
    return tag("path", d=f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}", class_="edge")


def _svg(box: str, children: Sequence[Child], label: str, role: str = "img", **attributes: Any) -> Markup:
    hidden = {"aria_hidden": "true"} if not label else {"role": role, "aria_label": label}
    return tag("svg", *children, viewBox=box, **hidden, **attributes)
