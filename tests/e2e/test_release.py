"""From all tasks done to a released milestone, with the real commands."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.tracking.table import TEMPLATE
from tests.support.bootstrap import CONFIG, SCRIPT, bootstrap, by_person, with_report
from tests.support.daemon import environment
from tests.support.fixtures import Start
from tests.support.milestones import done, plan, tags, write
from tests.support.repo import GATE, Repo, git, rows_of

pytestmark = pytest.mark.slow
AUTO = '[milestone]\nrelease = "auto"\n'


def release(
    repo: Repo, *args: str, code: int = 0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return by_person(repo, "release", *args, code=code, env=env)


def subjects(repo: Repo) -> list[str]:
    return git(repo.landed, "log", "--format=%s", "main").splitlines()


def archived(repo: Repo, name: str) -> dict[str, dict[str, str]]:
    """The rows of an archived table."""
    return rows_of((repo.on_main(f"docs/tasks/{name}-tasks.md") or "").partition("## Release")[0])


def document(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_bootstrap_run_released(repo: Repo, start: Start) -> None:
    """The daemon does it by itself when the configuration says so: tag, notes and archive are on the origin."""
    repo.configure(GATE + CONFIG + AUTO)
    bootstrap(repo, with_report(repo), "--prefix", "MS", "--milestone", "0.0.1: First review")
    daemon = start(repo, "--until-idle")
    assert daemon.wait(patience_sec=120) == 0, daemon.log
    assert repo.on_main("docs/TASKS.md") is None
    assert repo.on_main("docs/tasks/orchestrator-learnings.json") is None
    assert len(json.loads(repo.on_main("docs/tasks/First-review-learnings.json") or "")["learnings"]) > 0
    rows = archived(repo, "First-review")
    assert {row["status"] for row in rows.values()} == {"done"}
    kind, commit = tags(repo)["v0.0.1"]
    assert (kind, git(repo.landed, "tag", "-n1", "--list").split(None, 1)[1]) == (
        "tag",
        "Release v0.0.1 - First review",
    )
    message = git(repo.landed, "log", "-1", "--format=%B", "main").splitlines()
    assert message[0] == "chore(orchestrator): Complete First review milestone release"
    assert message[2:5] == ["- Tagged: v0.0.1", "- Release published", "- Artifacts archived to docs/tasks/"]
    assert git(repo.landed, "rev-parse", "main~1") == commit
    notes = repo.on_main("docs/releases/v0.0.1.md") or ""
    for task, sha in landed(repo).items():
        assert f"`{task}`, issue {rows[task]['issue']}, `{sha[:12]}`, CI: green" in notes
    assert notes.index("## Critical Security Fixes") < notes.index("## Code Quality") < notes.index("## Verification")
    assert (repo.shown(), repo.statuses()) == ({}, {})
    assert git(repo.root, "status", "--porcelain", "--branch") == "## main...origin/main"


def landed(repo: Repo) -> dict[str, str]:
    """The squash commit of each task."""
    log = git(repo.landed, "log", "--format=%(trailers:key=Mosaic-Task,valueonly,separator=%x2C) %H", "main")
    return {task: sha for task, _, sha in (line.partition(" ") for line in log.splitlines()) if task}


def test_by_hand_once_and_again(repo: Repo) -> None:
    """Shown, then done, then done already: nothing is there twice; the next milestone has the next version."""
    done(repo, "T-1", "T-2")
    before = subjects(repo)
    shown = document(release(repo, "--dry-run", "--json"))
    assert (shown["version"], shown["tag"], shown["changed"]) == ("0.0.1", "v0.0.1", False)
    assert "docs/tasks/0.0.1-tasks.md" in shown["archive"]
    assert (subjects(repo), tags(repo), repo.status("T-1")) == (before, {}, "done")
    assert "`mosaic-orchestrator release`" in status(repo)
    said = release(repo).stdout
    assert "v0.0.1 at" in said
    for _ in range(2):
        again = document(release(repo, "--json"))
        assert again["state"] == "released"
    assert list(tags(repo)) == ["v0.0.1"]
    assert sum(subject.endswith("milestone release") for subject in subjects(repo)) == 1
    assert "released" in status(repo)
    done(repo, "T-3")
    release(repo, "--milestone", "Second")
    assert list(tags(repo)) == ["v0.0.1", "v0.0.2"]
    assert archived(repo, "Second").keys() == {"T-3"}
    assert archived(repo, "0.0.1").keys() == {"T-1", "T-2"}
    assert [event.body["milestone"] for event in repo.events("task-archived")] == ["0.0.1", "0.0.1", "0.0.2"]


def status(repo: Repo) -> str:
    env = environment(repo, {})
    return subprocess.run([SCRIPT, "status"], cwd=repo.root, env=env, capture_output=True, text=True, check=True).stdout


def test_a_running_daemon_does_what_is_asked(repo: Repo, start: Start) -> None:
    done(repo, "T-1")
    daemon = start(repo).ready()
    assert document(release(repo, "--dry-run", "--json"))["tag"] == "v0.0.1"
    assert document(release(repo, "--json"))["state"] == "released"
    assert list(tags(repo)) == ["v0.0.1"]
    assert daemon.is_alive


def test_with_one_task_left_it_is_refused_with_the_list(repo: Repo) -> None:
    done(repo, "T-1", deferred="T-2")
    repo.write_tasks(repo.task("T-3"))
    for how in ((), ("--dry-run",)):
        said = release(repo, *how, code=1).stderr
        assert "1 of 3 tasks are neither done nor deferred: T-3 (not-started)" in said
    assert (tags(repo), repo.events("release-opened")) == ({}, [])


def test_a_deferred_task_is_listed_with_its_reason(repo: Repo) -> None:
    done(repo, "T-1", deferred="T-2")
    release(repo)
    notes = repo.on_main("docs/releases/v0.0.1.md") or ""
    assert "## Deferred\n\n- do T-2 (`T-2`): waits for @\u200bada, closes (see) #7" in notes
    assert archived(repo, "0.0.1")["T-2"]["status"] == "deferred"


def test_documentation_that_is_missing_becomes_a_task_first(repo: Repo, start: Start) -> None:
    """A change to code that nobody documented; once the task is done the release goes through."""
    repo.configure(GATE + '[milestone]\nprefix = "T"\n')
    done(repo, "T-1", kind=Kind.CODE)
    asked = document(release(repo, "--json", code=3))
    assert (asked["state"], asked["remediation"]) == ("remediation", ["T-DOC-001"])
    assert repo.shown()["T-DOC-001"]["kind"] == "docs"
    assert (tags(repo), repo.events("release-opened")) == ({}, [])
    repo.edit_tasks(T_DOC_001={"command": repo.task("T-DOC-001")["command"]})
    assert start(repo, "--until-idle").wait() == 0
    release(repo)
    assert archived(repo, "0.0.1").keys() == {"T-1", "T-DOC-001"}


def test_a_tag_on_another_commit_is_named_and_never_moved(repo: Repo, start: Start) -> None:
    """Without it the release goes on."""
    done(repo, "T-1")
    first = git(repo.landed, "rev-list", "--max-parents=0", "main")
    git(repo.root, "tag", "-a", "-m", "mine", "v0.0.1", first)
    git(repo.root, "push", "-q", "origin", "v0.0.1")
    plan(repo, "0.0.1")
    said = release(repo, code=1).stdout
    assert f"the tag v0.0.1 exists on {first[:12]}" in said
    assert "git ls-remote --tags" in said
    assert tags(repo) == {"v0.0.1": ("tag", first)}
    assert start(repo, "--until-idle").wait() == 3, "a blocked release needs a person"
    git(repo.root, "push", "-q", "origin", ":refs/tags/v0.0.1")
    assert document(release(repo, "--json"))["state"] == "released"
    assert tags(repo)["v0.0.1"][1] != first


def test_a_protected_tag_is_named(repo: Repo) -> None:
    done(repo, "T-1")
    hook = repo.landed / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ncase $1 in refs/tags/*) echo 'tag is protected' >&2; exit 1;; esac\n")
    hook.chmod(0o755)
    said = release(repo, code=1).stdout
    assert "the server refuses the tag v0.0.1" in said
    hook.unlink()
    release(repo)
    assert list(tags(repo)) == ["v0.0.1"]


def test_a_version_that_breaks_the_rule_is_named(repo: Repo) -> None:
    done(repo, "T-1")
    plan(repo, "0.3.0")
    said = release(repo, code=78).stderr
    assert "docs/tasks/plan.json: milestone 0.3.0: before the MVP versions stay 0.0.x" in said
    assert tags(repo) == {}


def test_without_an_origin_it_is_the_persons_repository(tmp_path_factory: pytest.TempPathFactory) -> None:
    repo = Repo(tmp_path_factory.mktemp("alone"), with_origin=False)
    done(repo, "T-1")
    release(repo)
    assert list(tags(repo)) == ["v0.0.1"]
    assert repo.on_main("docs/releases/v0.0.1.md")
    assert git(repo.root, "status", "--porcelain") == ""


def test_without_a_table_the_newest_archive_is_reported(repo: Repo, start: Start) -> None:
    """And nothing is made of it before a person says so."""
    row = f"| T-9 | blocked | left |{' |' * 11}\n"
    clone = repo.colleague()
    write(clone / "docs/tasks/M1-tasks.md", f"{TEMPLATE}{row}")
    git(clone, "add", "docs")
    git(clone, "commit", "-q", "-m", "put away")
    git(clone, "push", "-q")
    assert start(repo, "--once").wait() == 0
    assert "docs/tasks/M1-tasks.md has 1 of 1 tasks that are neither done nor deferred: T-9" in repo.reports()
    assert "`bootstrap --resume` goes on with them" in status(repo)
    assert repo.on_main("docs/TASKS.md") is None


def test_a_released_milestone_can_be_taken_back(repo: Repo, start: Start) -> None:
    """Its table and its plan come back from the archive, and what was done is done."""
    done(repo, "T-1", deferred="T-2")
    plan(repo, "0.0.1", "First")
    release(repo)
    git(repo.root, "pull", "-q", "--rebase")
    assert (repo.root / "docs/tasks/plan.json").exists() is False
    bootstrap(repo, "--resume")
    assert start(repo, "--until-idle").wait() == 0
    assert repo.statuses() == {"T-1": "done", "T-2": "deferred"}
    assert repo.table()["T-1"]["status"] == "done"
    assert json.loads(repo.on_main("docs/tasks/plan.json") or "")["plan"]["milestone"]["version"] == "0.0.1"
