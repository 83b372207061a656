"""What depends on what: the part of the graph that can be looked at, laid out in columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mosaic_daemon.nouns.task import OVER
from mosaic_daemon.store.mirror import Brief, Choice

MOST = 120
"""As many tasks are shown at once."""

_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Node:
    """A task in its place. `column`: how many tasks in a row have to come before it; `row`: from the top."""

    id: str
    status: str
    description: str
    column: int
    row: int


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes, edges from a task to what waits for it, and how many tasks are left out."""

    nodes: Sequence[Node]
    edges: Sequence[tuple[str, str]]
    left_out: int

    @property
    def document(self) -> dict[str, Any]:
        nodes = [
            {
                "id": each.id,
                "status": each.status,
                "column": each.column,
                "row": each.row,
                "description": each.description,
            }
            for each in self.nodes
        ]
        return {"nodes": nodes, "edges": [list(edge) for edge in self.edges], "left_out": self.left_out}


def graph_of(briefs: Sequence[Brief], choice: Choice, around: str = "") -> Graph:
    """The chosen tasks, or those around one; when they are many, first those that are not over."""
    by_id = {each.id: each for each in briefs}
    needs = _needs(by_id)
    chosen = _around(around, needs) if around in by_id else [each.id for each in briefs if choice.takes(each)]
    if len(chosen) > MOST:
        chosen = sorted(chosen, key=lambda task: (by_id[task].status in OVER, by_id[task].position))
    shown = chosen[:MOST]
    kept = set(shown)
    edges = [(need, task) for task in shown for need in needs[task] if need in kept]
    places = _places(shown, edges)
    nodes = [Node(task, by_id[task].status, by_id[task].description, *places[task]) for task in shown]
    return Graph(nodes, edges, len(chosen) - len(shown))


def _needs(by_id: Mapping[str, Brief]) -> Mapping[str, list[str]]:
    found: dict[str, dict[str, None]] = {task: dict.fromkeys(brief.needs) for task, brief in by_id.items()}
    for brief in by_id.values():
        for blocked in brief.blocks:
            if blocked in found:
                found[blocked][brief.id] = None
    return {task: [need for need in needs if need in by_id and need != task] for task, needs in found.items()}


def _around(task: str, needs: Mapping[str, list[str]]) -> list[str]:
    """The task, all it waits for and all that waits for it, directly or not; the nearest first."""
    dependents: defaultdict[str, list[str]] = defaultdict(list)
    for name, wanted in needs.items():
        for need in wanted:
            dependents[need].append(name)
    found: dict[str, None] = {task: None}
    for neighbours in (needs, dependents):
        waiting = [task]
        while waiting:
            waiting = [each for name in waiting for each in neighbours.get(name, ()) if each not in found]
            found.update(dict.fromkeys(waiting))
    return list(found)


def _places(shown: Sequence[str], edges: Sequence[tuple[str, str]]) -> Mapping[str, tuple[int, int]]:
    before: defaultdict[str, list[str]] = defaultdict(list)
    for need, task in edges:
        before[task].append(need)
    depth = _depths(shown, before)
    by_column: defaultdict[int, list[str]] = defaultdict(list)
    for task in shown:
        by_column[depth[task]].append(task)
    row = {task: at for tasks in by_column.values() for at, task in enumerate(tasks)}
    for _ in range(_ROUNDS):
        for column in sorted(by_column):
            tasks = sorted(by_column[column], key=lambda task: (_middle(task, before, row), row[task]))
            row.update({task: at for at, task in enumerate(tasks)})
            by_column[column] = tasks
    return {task: (depth[task], row[task]) for task in shown}


def _depths(shown: Iterable[str], before: Mapping[str, list[str]]) -> dict[str, int]:
    """The longest way to each task; a circle counts as if its last edge were not there."""
    depth: dict[str, int] = {}
    for start in shown:
        stack = [(start, iter(before.get(start, ())))]
        under = {start}
        while stack:
            task, needs = stack[-1]
            for need in needs:
                if need not in depth and need not in under:
                    under.add(need)
                    stack.append((need, iter(before.get(need, ()))))
                    break
            else:
                depth[task] = 1 + max((depth[need] for need in before.get(task, ()) if need in depth), default=-1)
                under.discard(task)
                stack.pop()
    return depth


def _middle(task: str, before: Mapping[str, list[str]], row: Mapping[str, int]) -> float:
    """Where a task stands best: beside what it waits for."""
    needs = before.get(task, ())
    return sum(row[need] for need in needs) / len(needs) if needs else row[task]
