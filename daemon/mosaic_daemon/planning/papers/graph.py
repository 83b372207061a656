"""A picture of a plan: Mermaid text, which forges render in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.planning.plan import Phase, Plan, PlannedTask
from mosaic_daemon.planning.planner.words import one_line

GRAPH_FILE = "docs/tasks/plan.md"

_MOST_TASKS = 200
"""Above it no reader finds anything in the picture, and forges refuse to draw it."""
_LABEL = 60
_PLAIN = frozenset(" .,:_/()-")
_SHAPES = {Kind.VERIFICATION: ("{{", "}}"), Kind.DOCS: ("[/", "/]")}


def mermaid(plan: Plan) -> str:
    """The dependency graph: a box a phase, an arrow from each task to those that wait for it.

    Plans of more than 200 tasks are drawn as their phases alone. Labels are escaped: reports are written by anybody.
    """
    small = len(plan.tasks) <= _MOST_TASKS
    return "\n".join(["flowchart TD", *(_tasks(plan) if small else _phases(plan))]) + "\n"


def _tasks(plan: Plan) -> Iterator[str]:
    nodes = {each.task.id: f"t{number}" for number, each in enumerate(plan.tasks, 1)}
    tasks = {each.task.id: each for each in plan.tasks}
    for phase in plan.phases:
        yield f'  subgraph p{phase.number}["{_heading(phase)}"]'
        for task in phase.tasks:
            yield f"    {nodes[task]}{_box(tasks[task])}"
        yield "  end"
    for each in plan.tasks:
        for need in each.task.depends_on:
            if need in nodes:
                yield f"  {nodes[need]} --> {nodes[each.task.id]}"


def _box(task: PlannedTask) -> str:
    opening, closing = _SHAPES.get(task.task.kind, ("[", "]"))
    about = _escaped(one_line(task.task.description, _LABEL))
    return f'{opening}"{_escaped(task.task.id)} · {_escaped(tokens_text(task.tokens))}<br/>{about}"{closing}'


def _phases(plan: Plan) -> Iterator[str]:
    tokens = dict.fromkeys((phase.number for phase in plan.phases), 0)
    for each in plan.tasks:
        tokens[each.task.phase or 0] += each.tokens
    for phase in plan.phases:
        size = f"{len(phase.tasks)} tasks, {tokens_text(tokens[phase.number])}"
        yield f'  p{phase.number}["{_heading(phase)}<br/>{_escaped(size)}"]'
    for before, after in zip(plan.phases, plan.phases[1:], strict=False):
        yield f"  p{before.number} --> p{after.number}"


def _heading(phase: Phase) -> str:
    return _escaped(f"Phase {phase.number}: {phase.title}")


def _escaped(text: str) -> str:
    """Mermaid's character codes for all but letters, digits and plain punctuation."""
    return "".join(each if each.isalnum() or each in _PLAIN else f"#{ord(each)};" for each in text)
