"""From a report to a plan: every finding in exactly one task, and what an earlier bootstrap planned kept as it was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.boundaries import is_tracking
from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.nouns.task import Kind, Task
from mosaic_daemon.planning.finding import Finding, Location, Remark, Report
from mosaic_daemon.planning.plan import Milestone, Phase, Plan, PlannedTask
from mosaic_daemon.planning.planner.chores import Chore, documentation, needs_documentation, requirements, verification
from mosaic_daemon.planning.planner.dependencies import Chapter, dependencies, founded, relied_on
from mosaic_daemon.planning.planner.draft import Draft
from mosaic_daemon.planning.planner.estimates import DOCUMENTATION, VERIFICATION, Size, classified, estimated
from mosaic_daemon.planning.planner.learned import NOTHING_LEARNED, Heuristics
from mosaic_daemon.planning.planner.matching import matched, told
from mosaic_daemon.planning.planner.phases import (
    BY_NUMBER,
    PATTERNS,
    Numbers,
    Pattern,
    branch_of,
    category_of,
    kind_of,
    ordered,
    topic_of,
)
from mosaic_daemon.planning.planner.words import Wording, one_line
from mosaic_daemon.tracking.entry import is_task_id

_LONGEST_DESCRIPTION = 200
_LONGEST_ID = 60
_LONGEST_NAME = 60
_LONGEST_PATH = 400
_LONGEST_BODY = 6_000
_Phases = Mapping[int, Sequence[Draft]]


def planned(
    report: Report,
    milestone: Milestone,
    known: Plan | None = None,
    taken: Collection[str] = (),
    heuristics: Heuristics = NOTHING_LEARNED,
) -> Plan:
    """The plan for a report.

    Args:
        known: what an earlier bootstrap planned. Its tasks keep ids and branches, its phases their issues; a task whose
            finding is gone from the report stays, and a remark says so. The same report gives the same plan again.
        taken: ids of tasks that are there besides; no new task gets one of them.
        heuristics: what finished work has taught about estimates.

    Raises:
        InputError: the milestone's prefix cannot begin a task's id.
    """
    if not is_task_id(f"{milestone.prefix}-TEST-00000"):
        raise InputError(
            f"{milestone.prefix!r} cannot begin a task's id",
            source="prefix",
            remedy="use letters, digits, '-' and '_', for example MS",
        )
    known = known or Plan(milestone, report.name, (), (), ())
    drafts, vanished = matched(_in_order(_drafted(each, heuristics) for each in report.findings), known)
    phases = _by_phase([*drafts, *map(_remembered, vanished)])
    numbering = _Numbering(milestone, known, taken, heuristics)
    tasks = numbering.tasks({number: ordered(phases.get(number, ())) for number in BY_NUMBER})
    return Plan(
        milestone,
        report.name,
        report.findings,
        _phases(tasks, known),
        tuple(tasks),
        report.leftovers,
        (*report.remarks, *_farewells(vanished, drafts)),
    )


def _drafted(finding: Finding, heuristics: Heuristics) -> Draft:
    wording = Wording.of(finding)
    topic = topic_of(finding, wording)
    phase = PATTERNS[finding.severity].number
    files = tuple(dict.fromkeys(filter(None, (_usable(place.path) for place in finding.locations))))
    kind = kind_of(topic, files)
    return Draft(
        finding,
        _described(finding),
        phase,
        category_of(topic, phase),
        kind,
        files,
        heuristics.adjusted(classified(wording, topic).name, estimated(wording, Size(topic, kind, len(files)))),
        founded(wording),
        relied_on(wording),
    )


def _remembered(task: PlannedTask) -> Draft:
    """The draft of a task whose finding the report no longer has, as far as the task tells."""
    phase = BY_NUMBER.get(task.task.phase or 0, BY_NUMBER[max(BY_NUMBER)])
    name, title = told(task.task.description)
    finding = Finding(
        name,
        phase.severity,
        title,
        task.fingerprint,
        component=task.task.repo,
        locations=tuple(map(Location, task.task.files)),
    )
    return replace(
        _drafted(finding, NOTHING_LEARNED), kind=task.task.kind, reasons=task.reasons, known=task, vanished=True
    )


def _by_phase(drafts: Iterable[Draft]) -> _Phases:
    phases: defaultdict[int, list[Draft]] = defaultdict(list)
    for draft in drafts:
        phases[draft.phase].append(draft)
    return phases


def _in_order(drafts: Iterable[Draft]) -> list[Draft]:
    phases = _by_phase(drafts)
    return [draft for number in sorted(phases) for draft in ordered(phases[number])]


class _Numbering:
    """Gives tasks to drafts: known ones keep theirs, new ones are numbered in the order of the plan."""

    def __init__(self, milestone: Milestone, known: Plan, taken: Collection[str], heuristics: Heuristics) -> None:
        self._milestone = milestone
        self._heuristics = heuristics
        self._numbers = Numbers(milestone.prefix, (*taken, *(task.task.id for task in known.tasks)))
        self._issues = {phase.number: phase.issue for phase in known.phases}
        self._closing: dict[tuple[int | None, Kind], PlannedTask] = {
            (task.task.phase, task.task.kind): task
            for task in known.tasks
            if not task.fingerprint and not task.task.files
        }
        self._opening = next((task for task in known.tasks if not task.fingerprint and task.task.files), None)

    def tasks(self, phases: _Phases) -> list[PlannedTask]:
        """All tasks in the order of the plan, linked."""
        tasks: list[PlannedTask] = []
        chapters: list[Chapter] = []
        if self._opening is not None or self._milestone.improves_prd:
            tasks.append(self._of_opening(min((number for number in phases if phases[number]), default=1)))
            chapters.append(Chapter((), (), (tasks[0].task.id,)))
        for number, drafts in phases.items():
            pattern = BY_NUMBER[number]
            own = [self._of_finding(draft, pattern) for draft in drafts]
            closing = [self._of_closing(each, pattern) for each in self._closings(pattern, own)]
            chapters.append(Chapter(drafts, [task.task.id for task in own], [task.task.id for task in closing]))
            tasks += [*own, *closing]
        return _linked(tasks, dependencies(chapters))

    def _of_finding(self, draft: Draft, pattern: Pattern) -> PlannedTask:
        task = replace(
            self._started(draft.known, draft.category, pattern),
            phase=pattern.number,
            issue=self._issues.get(pattern.number, ""),
            description=draft.description,
            repo=one_line(draft.finding.component, _LONGEST_NAME),
            kind=draft.kind,
            files=draft.files,
            prompt=_prompt(draft),
            estimate=tokens_text(draft.tokens),
        )
        return PlannedTask(task, draft.finding.fingerprint, draft.reasons)

    def _closings(self, pattern: Pattern, tasks: Sequence[PlannedTask]) -> list[Chore]:
        """What ends the phase; nothing for a phase that has no tasks and never had."""
        ids = [task.task.id for task in tasks]
        closings = []
        if needs_documentation([task.task.kind for task in tasks]) or (pattern.number, Kind.DOCS) in self._closing:
            closings.append(documentation(pattern, ids))
        if tasks or (pattern.number, Kind.VERIFICATION) in self._closing:
            closings.append(verification(pattern, ids))
        return closings

    def _of_opening(self, phase: int) -> PlannedTask:
        pattern = BY_NUMBER[(self._opening.task.phase if self._opening else None) or phase]
        return self._of_chore(requirements(), pattern, self._opening)

    def _of_closing(self, chore: Chore, pattern: Pattern) -> PlannedTask:
        return self._of_chore(chore, pattern, self._closing.get((pattern.number, chore.kind)))

    def _of_chore(self, chore: Chore, pattern: Pattern, known: PlannedTask | None) -> PlannedTask:
        task = replace(
            self._started(known, chore.category, pattern),
            phase=pattern.number,
            issue=self._issues.get(pattern.number, ""),
            description=chore.description,
            kind=chore.kind,
            files=chore.files,
            prompt=chore.prompt,
        )
        task_type = VERIFICATION if chore.kind is Kind.VERIFICATION else DOCUMENTATION.name
        made = PlannedTask(task, reasons=self._heuristics.adjusted(task_type, chore.reasons))
        return replace(made, task=replace(task, estimate=tokens_text(made.tokens)))

    def _started(self, known: PlannedTask | None, category: str, pattern: Pattern) -> Task:
        """The known task, or a new one that has its id and branch and nothing else yet."""
        if known is not None:
            return known.task
        task = self._numbers.next(category)
        return Task(task, "", branch=branch_of(task, pattern, self._milestone))


def _linked(tasks: Sequence[PlannedTask], needs: Mapping[str, tuple[str, ...]]) -> list[PlannedTask]:
    """The tasks with both ends of each edge."""
    blocks: defaultdict[str, list[str]] = defaultdict(list)
    for task in tasks:
        for need in needs[task.task.id]:
            blocks[need].append(task.task.id)
    return [
        PlannedTask(
            replace(each.task, depends_on=needs[each.task.id], blocks=tuple(blocks[each.task.id])),
            each.fingerprint,
            each.reasons,
        )
        for each in tasks
    ]


def _phases(tasks: Iterable[PlannedTask], known: Plan) -> tuple[Phase, ...]:
    issues = {phase.number: phase.issue for phase in known.phases}
    ids: defaultdict[int, list[str]] = defaultdict(list)
    for task in tasks:
        ids[task.task.phase or 0].append(task.task.id)
    return tuple(
        Phase(
            number,
            pattern.severity,
            pattern.title,
            pattern.branch,
            tuple(ids[number]),
            pattern.labels,
            issues.get(number, ""),
        )
        for number, pattern in BY_NUMBER.items()
        if number in ids
    )


def _farewells(vanished: Iterable[PlannedTask], drafts: Iterable[Draft]) -> list[Remark]:
    present = {told(draft.description)[0] for draft in drafts}
    remarks = []
    for task in vanished:
        name, title = told(task.task.description)
        if name in present:
            former = f"the former one ({one_line(title, 80)})"
            message = f"the report gives {name} to another finding now; {task.task.id} stays for {former}"
        else:
            message = f"{name} is no longer in the report; {task.task.id} stays"
        remarks.append(Remark(f"{message}: take it out if it is settled"))
    return remarks


def _described(finding: Finding) -> str:
    """`{FindingID}: Brief summary`, as the guide wants the column."""
    name = one_line(finding.id, _LONGEST_ID) or "finding"
    return one_line(
        f"{name}: {one_line(finding.title, _LONGEST_DESCRIPTION) or 'see the report'}", _LONGEST_DESCRIPTION
    )


def _prompt(draft: Draft) -> str | None:
    """What the worker is told: the report's own words, so that it need not search, nor see the report at all."""
    if draft.vanished and draft.known is not None:
        return draft.known.task.prompt
    if not draft.finding.sources:
        return None
    place = one_line(str(draft.finding.sources[0]), _LONGEST_PATH)
    body = draft.finding.body.strip()
    if len(body) > _LONGEST_BODY:
        body = f"{body[:_LONGEST_BODY].rstrip()}\n\n(cut here; the whole text is in the report)"
    return f"{draft.description}\n\nThe report says ({place}):\n\n{body or 'nothing more'}"


def _usable(path: str) -> str:
    """The path as `Task.files` may hold it, or nothing: its worker may change it, and anybody may write the report."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    clean = "/".join(parts)
    below = parts and not path.startswith("/") and ".." not in parts and not is_tracking(clean)
    return clean if below and clean.isprintable() and len(clean) <= _LONGEST_PATH else ""
