"""What must be true of the project at its end, whatever died in between: every place that shows it agrees with the
others and with its course, and the numbers add up.

Worked out from the course alone: thresholds, sums and order are the guide's, not taken from the code under test.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from mosaic_daemon.ground.layout import TABLE
from mosaic_daemon.nouns.figures import tokens_text
from tests.crash.oracle import check_fold
from tests.support import ledger
from tests.support.completion import deferred_errors, sections_of
from tests.support.learning import ESCALATED, LEARNINGS, PENDING, learnings, reports
from tests.support.ledger import Event
from tests.support.milestones import archive_commits, tags
from tests.support.processes import attempts_alive
from tests.support.project import sums
from tests.support.project.project import CAP, STRANGER, Project
from tests.support.repo import git, rows_of
from tests.support.waiting import until

_MET = {1, 5, 6, 8, 9, 10}
"""The guide's stopping criteria that say that all is finished; 2, 3 and 4 are about work that cannot go on."""
ARCHIVED = "docs/reports/qa-automation/archive/0.0.1"
_NOT_RELEASED = "no milestone release yet (0.0.1)"
_COMMIT = re.compile(r"\b[0-9a-f]{12,64}\b")
_STILL_OPEN = re.compile(r" \(TASKS:P\d stays open for [^)]*\)")
_ATTEMPT_ENDS = ("attempt-failed", "result-accepted")
_REVIEW_ENDS = ("review-passed", "qa-needed", "review-returned")


def check(project: Project) -> None:
    """All rules below, of a milestone that is not released yet."""
    for rule in RULES:
        rule(project)


def every_task_has_its_end(project: Project) -> None:
    """By the ledger, the queue, the table on the base branch and `status`."""
    wanted = {each.task: each.status for each in project.courses.values()}
    assert project.repo.statuses() == wanted
    assert {task: entry["status"] for task, entry in project.repo.shown().items()} == wanted
    assert {task: row["status"] for task, row in project.repo.table().items()} == wanted
    shown = project.ask("status")
    assert shown["tasks"]["by_status"] == Counter(wanted.values())
    phases = {each["phase"]: each["by_status"] for each in shown["tasks"]["by_phase"]}
    assert phases == {
        phase: Counter(each.status for each in those) for phase, those in sums.by_phase(project.courses).items()
    }
    for empty in ("attention", "problems", "deadlock", "held_runtimes", "at_work", "reviews", "gates"):
        assert not shown[empty], (empty, shown[empty])
    check_fold(project.repo)


def every_attempt_and_every_review_ran_once(project: Project) -> None:
    """Those that had to, and no others."""
    assert Counter(project.repo.attempts_run()) == Counter(each.name for each in sums.attempts(project.courses))
    assert Counter(project.reviewer.ran()) == Counter(sums.review_runs(project.courses))


def tokens_add_up(project: Project) -> None:
    """Per attempt, review and task, per phase and runtime, and in all."""
    attempts, reviews = _counted(project)
    assert attempts == {each.name: each.used for each in sums.attempts(project.courses)}
    assert {name: used for name, used in reviews.items() if used} == {
        each.name: each.review_used for each in sums.attempts(project.courses) if each.review_used
    }
    records, entries, rows = ledger.records(project.repo.state_db), project.repo.shown(), project.repo.table()
    for task, course in project.courses.items():
        used = course.used
        text = tokens_text(used) if used is not None else None
        assert (records[task]["used"], entries[task]["used"], rows[task]["used"] or None) == (used, text, text), task
    shown = project.ask("budget")
    phases = {phase: sums.used_by(those) for phase, those in sums.by_phase(project.courses).items()}
    assert {each["phase"]: (each["used"], each["remaining"]) for each in shown["by_phase"]} == {
        phase: (used, 0) for phase, used in phases.items()
    }
    runtimes, of_reviews = sums.by_runtime(project.courses), sums.reviews_in_all(project.courses)
    assert {each["runtime"]: (each["attempts"], each["used"]) for each in shown["by_runtime"]} == runtimes
    assert (shown["reviews"]["reviews"], shown["reviews"]["used"]) == of_reviews
    total = sum(phases.values())
    assert total == sum(used for _, used in (*runtimes.values(), of_reviews))
    budget = {"used": total, "remaining": 0, "projected": total, "cap": int(CAP.rstrip("K")) * 1000}
    assert shown["budget"] | budget == shown["budget"] == project.ask("status")["budget"]


def what_missed_its_estimate_was_learnt(project: Project) -> None:
    """By the guide's thresholds: in the notes, in the learnings file, told once, summed up in the retrospective."""
    assert Counter(map(_figures, learnings(project.repo))) == Counter(sums.taught(project.courses))
    records = ledger.records(project.repo.state_db)
    told = project.repo.reports().splitlines()
    for course in project.courses.values():
        ratings = [sums.rating(course.estimate, used) for used in course.ends]
        notes = [note for note in records[course.task]["notes"] if "variance" in note]
        words = [rated for rated in ratings if rated]
        assert all(word in note for word, note in zip(words, notes, strict=True)), (course.task, words, notes)
        assert sum(line.startswith(f"{course.task}: CRITICAL") for line in told) == ratings.count("CRITICAL")
    for phase in sums.by_phase(project.courses):
        assert sum(line.startswith(f"Phase {phase} retrospective") for line in told) == 1, phase
    done = [each for each in project.courses.values() if each.status == "done"]
    total = project.ask("retro")["total"]
    assert (total["tasks"], total["actual"]) == (len(done), sums.used_by(done))
    assert total["estimate"] == sum(each.estimate for each in done)


def every_phase_was_polished(project: Project) -> None:
    """Bulk, polish, then the next phase; what was not fixed is written down, each once."""
    told = project.repo.reports()
    events = project.repo.events()
    moved = {event.body["phase"]: event.seq for event in events if _completes(event)}
    for phase, those in sums.by_phase(project.courses).items():
        errors = [each for each in those if each.finding and each.task == each.entry["id"]]
        fixed = sum(each.status == "done" for each in errors)
        share = f"{100 * fixed // len(errors)}% ({fixed}/{len(errors)})"
        left = len(errors) - fixed
        assert told.count(f"Phase {phase} Bulk Complete: {share}\nEntering Polish Phase: {left} errors to triage") == 1
        assert told.count(f"Phase {phase} Complete: {share}\n") == 1
        begun = [event.seq for event in events if event.kind == "attempt-intended" and _phase(project, event) > phase]
        assert not begun or moved[phase] < begun[0], phase
    deferred = {each.task: each for each in project.courses.values() if each.status == "deferred"}
    assert {task: each["File"] for task, each in deferred_errors(project.repo).items()} == {
        task: f"{each.file}:7" for task, each in deferred.items()
    }
    assert all(sections_of(project.repo, task) == 1 for task in deferred)


def each_task_landed_once_and_in_order(project: Project) -> None:
    """One squash commit a task, after those it depends on; every line of an accepted attempt once, no other line."""
    repo = project.repo
    delivering = {each.delivered_by for each in project.courses.values() if each.delivered_by}
    assert repo.squashes() == dict.fromkeys(delivering, 1)
    assert set(repo.gates().values()) == {1}
    log = git(repo.landed, "log", "--reverse", "--format=%(trailers:key=Mosaic-Task,valueonly)", "main").split()
    shown = repo.shown()
    for course in project.courses.values():
        for need in (project.courses[name] for name in course.needs):
            if need.status == course.status == "done":
                assert shown[need.task]["completed_at"] <= shown[course.task]["started_at"], (need.task, course.task)
                if course.delivered_by and need.delivered_by:
                    assert log.index(need.delivered_by) < log.index(course.delivered_by), (need.task, course.task)
    for file, those in sums.by_file(project.courses).items():
        lines = (repo.on_main(file) or "").split()
        order = sorted(those, key=lambda course: (log.index(course.delivered_by), course.task.endswith("-QA")))
        assert lines == [attempt for course in order for attempt in course.landed], file
    assert (repo.on_main("BROKEN"), repo.on_main("left-over.txt"), repo.on_main("docs/tour.md")) == (None, None, None)
    assert git(repo.root, "rev-parse", "HEAD") == git(repo.landed, "rev-parse", "main")
    assert git(repo.root, "status", "--porcelain") == ""


def every_end_has_its_evidence(project: Project) -> None:
    """Merged, green, reviewed and closed, each read back; the internal ref of a phase closed once."""
    repo, records = project.repo, ledger.records(project.repo.state_db)
    closed = []
    for course in project.courses.values():
        if course.status != "done":
            continue
        evidence = records[course.task]["state"]["evidence"]
        assert evidence["closed_at"], course.task
        if course.delivers == course.task:
            closed += re.findall(r"closed: (TASKS:P\d+)", evidence["summary"])
        if course.delivered_by:
            told = git(
                repo.landed, "log", "-1", "--format=%(trailers:key=Mosaic-Task,valueonly)", evidence["merge_sha"]
            )
            assert (told.strip(), evidence["ci"]) == (course.delivered_by, "green"), course.task
        if course.attempts[-1].opinion and course.fate.qa is None:
            wanted = "request-changes" if course.attempts[-1].opinion == "suggestions" else "approve"
            assert evidence["review"]["verdict"] == wanted, course.task
    assert sorted(closed) == [f"TASKS:P{phase}" for phase in sorted(sums.by_phase(project.courses))]


def reports_are_cleaned_up(project: Project) -> None:
    """Nothing of a finding is pending; what once failed for good was kept for a person."""
    assert reports(project.repo, PENDING) == [STRANGER]
    failed = [each.finding for each in project.courses.values() if each.fate.has_failed]
    assert reports(project.repo, ESCALATED) == sorted(f"{name}.md" for name in failed)


def the_work_may_stop(project: Project) -> None:
    """The guide's stopping criteria, line by line."""
    found = {each["number"]: each for each in project.ask("status")["stopping"]["criteria"]}
    assert set(found) == set(range(1, 11))
    assert {number for number, each in found.items() if each["met"]} == _MET, found
    assert found[7]["evidence"] == _NOT_RELEASED


def nothing_is_left_running(project: Project) -> None:
    """No worker, no reviewer, no daemon, no lock, no checkout of a reviewer."""
    until(lambda: not attempts_alive(project.repo.root), f"no orphan: {attempts_alive(project.repo.root)}")
    daemon = project.ask("status")["daemon"]
    assert (daemon["running"], daemon["pid"]) == (False, None)
    assert list((project.repo.state / "reviews" / "trees").iterdir()) == []
    assert [each for each in project.repo.results.iterdir() if each.is_file()] == []


def check_release(project: Project) -> None:
    """The milestone is over: tagged once, written up, archived with the same figures, and nothing is left to do."""
    repo = project.repo
    shown = project.ask("status")
    stopping = shown["stopping"]
    assert (stopping["stop"], {each["number"] for each in stopping["criteria"] if each["met"]}) == (
        "complete",
        _MET | {7},
    )
    assert (repo.statuses(), repo.shown(), shown["tasks"]["total"]) == ({}, {}, 0)
    assert tags(repo) == {"v0.0.1": ("tag", git(repo.landed, "rev-parse", "main~1"))}
    assert archive_commits(repo) == ["v0.0.1"]
    archived = rows_of((repo.on_main("docs/tasks/0.0.1-tasks.md") or "").partition("## Release")[0])
    assert {task: (row["status"], row["used"]) for task, row in archived.items()} == {
        task: (course.status, tokens_text(course.used) if course.used is not None else "")
        for task, course in project.courses.items()
    }
    taught = json.loads(repo.on_main("docs/tasks/0.0.1-learnings.json") or "{}")["learnings"]
    assert Counter(map(_figures, taught)) == Counter(sums.taught(project.courses))
    assert (repo.on_main(TABLE), repo.on_main(LEARNINGS)) == (None, None)
    counts = Counter(each.status for each in project.courses.values())
    written = f"{counts['done']} tasks done, {counts['deferred']} deferred"
    assert written in (repo.on_main("docs/releases/v0.0.1.md") or "")
    failed = sorted(f"{each.finding}.md" for each in project.courses.values() if each.fate.has_failed)
    assert (reports(repo, PENDING), reports(repo, ESCALATED)) == ([STRANGER], [])
    assert reports(repo, ARCHIVED) == failed
    assert git(repo.root, "status", "--porcelain", "--branch") == "## main...origin/main"
    nothing_is_left_running(project)


def _figures(entry: dict[str, Any]) -> tuple[str, float, int]:
    """What an entry of the learnings says in numbers."""
    return entry["task_id"], entry["actual_k"], entry["variance_pct"]


RULES: tuple[Callable[[Project], None], ...] = (
    every_task_has_its_end,
    every_attempt_and_every_review_ran_once,
    tokens_add_up,
    what_missed_its_estimate_was_learnt,
    every_phase_was_polished,
    each_task_landed_once_and_in_order,
    every_end_has_its_evidence,
    reports_are_cleaned_up,
    the_work_may_stop,
    nothing_is_left_running,
)


def final_state(project: Project) -> dict[str, Any]:
    """Everything that is left at the end but times, and the names of commits."""
    repo = project.repo
    tasks = {
        task: {name: _plain(value) for name, value in entry.items() if not name.endswith("_at")}
        for task, entry in repo.shown().items()
    }
    paths = git(repo.landed, "ls-tree", "-r", "--name-only", "main").split()
    files = {path: repo.on_main(path) for path in paths if path.startswith(("src/", "tests/", "ops/", "docs/phases"))}
    status = project.ask("status")
    kept = {name: status[name] for name in ("tasks", "budget", "stopping", "attention")}
    taught = sorted((_plain(each) for each in learnings(repo)), key=str)
    return {"tasks": tasks, "paths": sorted(paths), "files": files, "learnings": taught, **kept}


def _plain(value: Any) -> Any:
    """Without what differs from run to run: commits, times, and which tasks of a phase were still open."""
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items() if not name.endswith("_at")}
        case list():
            return [_plain(each) for each in value]
        case str():
            return _STILL_OPEN.sub("", _COMMIT.sub("…", value))
        case _:
            return value


def _counted(project: Project) -> tuple[dict[str, int], dict[str, int]]:
    """Tokens by attempt, of the attempt and of its review, as the event log has them."""
    attempts: dict[str, int] = {}
    reviews: dict[str, int] = {}
    for event in project.repo.events():
        if event.kind in _ATTEMPT_ENDS:
            attempts[f"{event.task}.{event.body['fence']}"] = event.body["used"]
        elif event.kind in _REVIEW_ENDS:
            reviews[[name for name in attempts if name.rpartition(".")[0] == event.task][-1]] = event.body["used"] or 0
    return attempts, reviews


def _completes(event: Event) -> bool:
    """Whether a phase is through by this."""
    return event.kind == "phase-moved" and event.body["stage"] == "complete"


def _phase(project: Project, event: Event) -> int:
    return project.courses[event.task].phase
