"""A repository whose tasks are all done, without a worker having moved, and what its release has left behind."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.sqlite import SqliteJournal
from tests.samples import HEAD, NOON, added, to_gate
from tests.support.repo import Repo, git

EVIDENCE = {"summary": "done: landed on main", "change": "12", "issue": "#3", "ci": "green", "closed_at": "2026-03-01"}


def done(repo: Repo, *names: str, deferred: str = "", kind: Kind = Kind.TEST) -> None:
    """In the ledger these are done, and one may be deferred; the table follows with the next tick."""
    merge = git(repo.landed, "rev-parse", "main")
    with closing(Ledger(SqliteJournal(repo.state_db))) as ledger:
        for position, name in enumerate(names):
            through = [each for each in to_gate(Step.CLOSE, name) if not isinstance(each, ev.TaskAdded)]
            landed = ev.TaskDone({**EVIDENCE, "merge_sha": merge, "head_sha": HEAD})
            ledger.append(name, added(name, position, kind=kind), *through, landed, at=NOON)
        if deferred:
            put_off = ev.TaskDeferred("waits for @ada, closes #7", "ada")
            ledger.append(deferred, added(deferred, len(names)), put_off, at=NOON)


def plan(repo: Repo, version: str, name: str = "") -> None:
    """A plan of this version on the base branch."""
    milestone = {"project": "app", "prefix": "T", "version": version, "name": name}
    text = {
        "version": 1,
        "plan": {"milestone": milestone, "report": "r", "findings": [], "phases": [], "tasks": []},
        "cap": {"tokens": 1000, "source": "user"},
    }
    clone = repo.colleague()
    write(clone / "docs/tasks/plan.json", json.dumps(text))
    git(clone, "add", "docs/tasks/plan.json")
    git(clone, "commit", "-q", "-m", "a plan")
    git(clone, "push", "-q")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def tags(repo: Repo) -> dict[str, tuple[str, str]]:
    """Name → (kind of object, commit) of the tags where changes land."""
    form = "%(refname:short) %(objecttype) %(*objectname)%(objectname)"
    lines = git(repo.landed, "for-each-ref", f"--format={form}", "refs/tags").splitlines()
    return {name: (kind, sha[:40]) for name, kind, sha in (line.split(" ") for line in lines)}


def archive_commits(repo: Repo) -> list[str]:
    log = git(repo.landed, "log", "--format=%(trailers:key=Mosaic-Release,valueonly,separator=%x2C)", "main")
    return [line for line in log.splitlines() if line]
