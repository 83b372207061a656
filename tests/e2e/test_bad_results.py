"""What workers leave behind: no result, too many, other people's, things that are no files. Nothing is believed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support import worker
from tests.support.fixtures import Start
from tests.support.repo import Repo

SHA = '"$(git rev-parse HEAD)"'
OTHERS = 'printf \'{"task_id":"T-77","status":"success","used":"1K","commit_sha":"%s","notes":""}\\n\' ' + SHA
SURROGATE = 'printf \'{"task_id":"T-1","status":"success","commit_sha":"%s","notes":"\\\\ud800"}\\n\' ' + SHA
WRITE = worker.writing({"T-1.txt": "x"})

BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "no JSON": ((WRITE, worker.COMMIT, "echo all done"), ""),
    "another task's JSON": ((WRITE, worker.COMMIT, OTHERS), "T-77"),
    "no commit": ((worker.RESULT,), "without a commit"),
    "uncommitted changes": ((WRITE, worker.COMMIT, "echo y > T-1.txt; echo z > new.txt", worker.RESULT), "T-1.txt"),
    "a wrong sha": ((WRITE, worker.RESULT, worker.COMMIT), "the head of"),
    "success and exit 5": ((WRITE, worker.COMMIT, worker.RESULT, "exit 5"), "exit 5"),
    "killed": (("kill -9 $$",), "SIGKILL"),
    "the table": (("mkdir -p docs; echo x > docs/TASKS.md", worker.COMMIT, worker.RESULT), "docs/TASKS.md"),
    "a CI file": (
        (worker.writing({".github/workflows/ci.yml": "on: push"}), worker.COMMIT, worker.RESULT),
        "ci.yml (it",
    ),
    "its own folder": ((worker.writing({".mosaic/notes": "x"}), worker.COMMIT, worker.RESULT), ".mosaic/notes (it"),
    "a symlink out": (("ln -s /etc/passwd link", worker.COMMIT, worker.RESULT), "link points out"),
    "no branch": ((WRITE, worker.COMMIT, worker.RESULT, "rm -rf .git"), ""),
    "no worktree": ((worker.RESULT, 'rm -rf "$PWD"'), ""),
    "a broken repository": ((WRITE, worker.COMMIT, worker.RESULT, "echo x > .git/HEAD; rm -rf .git/objects"), ""),
    "a lone surrogate": ((WRITE, worker.COMMIT, SURROGATE), ""),
}


@pytest.mark.parametrize("name", BAD)
def test_what_breaks_a_rule_is_a_failed_attempt_that_says_so(repo: Repo, start: Start, name: str) -> None:
    """The next prompt names it, the others go on, nothing of it lands."""
    steps, said = BAD[name]
    repo.configure('[gate]\nci_command = ["true"]\n[worker]\nretries = 1\n')
    repo.write_tasks(repo.bare_task("T-1", *steps), repo.task("T-2"))
    assert start(repo, "--until-idle").wait() == 3
    assert repo.statuses() == {"T-1": "failed", "T-2": "done"}
    assert "## The previous attempt failed" in repo.prompt("T-1.2")
    assert said in repo.prompt("T-1.2")
    assert repo.squashes() == {"T-2": 1}


def test_with_leave_a_worker_changes_ci(repo: Repo, start: Start) -> None:
    """One task names the file, the setting allows the other; the third has no leave, is told so, and obeys."""
    repo.configure('[gate]\nci_command = ["true"]\n[worker]\nmay_change = [".woodpecker/*"]\n')
    pipeline = worker.writing({"Jenkinsfile": "x"})
    repo.write_tasks(
        repo.task("T-1", files={".github/workflows/ci.yml": "on: push"}) | {"files": [".github/workflows/ci.yml"]},
        repo.task("T-2", files={".woodpecker/test.yml": "x"}),
        repo.task("T-3", f'if ! grep -q "without leave: Jenkinsfile" "$MOSAIC_PROMPT_FILE"; then {pipeline}; fi'),
    )
    assert start(repo, "--until-idle").wait() == 0
    assert repo.gates() == {"T-1.1": 1, "T-2.1": 1, "T-3.2": 1}
    assert repo.on_main("Jenkinsfile") is None
    assert [repo.on_main(path) for path in (".github/workflows/ci.yml", ".woodpecker/test.yml")] == ["on: push", "x"]


def test_of_three_results_the_last_counts(repo: Repo, start: Start) -> None:
    """Drafts and other JSON before it do no harm; what comes after it is only text."""
    draft = 'echo \'{"task_id":"T-1","status":"failed","used":"1K","commit_sha":null,"notes":"draft"}\''
    repo.write_tasks(repo.bare_task("T-1", draft, WRITE, worker.COMMIT, draft, worker.RESULT, "echo bye"))
    assert start(repo, "--until-idle").wait() == 0
    assert repo.squashes() == {"T-1": 1}


def test_a_result_in_the_file_counts_and_is_kept_beside_the_attempt(repo: Repo, start: Start) -> None:
    to_file = f'{worker.RESULT} > "$MOSAIC_RESULT_FILE.tmp"; mv "$MOSAIC_RESULT_FILE.tmp" "$MOSAIC_RESULT_FILE"'
    repo.write_tasks(repo.bare_task("T-1", WRITE, worker.COMMIT, to_file))
    assert start(repo, "--until-idle").wait() == 0
    kept = repo.state / "attempts" / "T-1.1" / "result.json"
    assert json.loads(kept.read_text())["task_id"] == "T-1"
    assert [entry.name for entry in repo.results.iterdir()] == []


KINDS: dict[str, tuple[str, str]] = {
    "symlink": ('ln -s /etc/passwd "$MOSAIC_RESULT_FILE"', "a symbolic link"),
    "FIFO": ('mkfifo "$MOSAIC_RESULT_FILE"', "a FIFO"),
    "folder": ('mkdir "$MOSAIC_RESULT_FILE"', "a folder"),
    "huge": ('truncate -s 3G "$MOSAIC_RESULT_FILE"', "larger than"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_is_no_ordinary_file_is_never_followed(repo: Repo, start: Start, kind: str) -> None:
    """It fails the attempt with its kind in the next prompt."""
    make, said = KINDS[kind]
    repo.write_tasks(repo.task("T-1", f'test "$MOSAIC_FENCE" != 1 || {{ {make}; exit 0; }}'), repo.task("T-2"))
    assert start(repo, "--until-idle").wait() == 0
    assert said in repo.prompt("T-1.2")
    assert repo.gates() == {"T-1.2": 1, "T-2.1": 1}


def write(path: Path, text: str) -> None:
    path.write_text(text)


STRAYS: dict[str, Callable[[Path], None]] = {
    "T-1.99.json": partial(write, text='{"task_id": "T-1", "status": "success"}'),
    "T-404.1.json": partial(write, text="{}"),
    "notes.txt": partial(write, text="hello"),
    "link.json": lambda path: path.symlink_to("/etc/passwd"),
    "dangling.json": lambda path: path.symlink_to("/nowhere"),
    "fifo.json": os.mkfifo,
    "folder.json": lambda path: (path / "inside").mkdir(parents=True),
}


def test_foreign_files_in_the_inbox_are_moved_away_and_named(repo: Repo, start: Start) -> None:
    """Late ones to `late/`, the others to `rejected/`; none is applied, and a second of the same name loses neither."""
    flag = repo.folder / "go"
    repo.write_tasks(repo.task("T-1", worker.waiting(flag)))
    daemon = start(repo)
    daemon.until(repo.attempts_run, "the worker to work")
    for round_ in (1, 2):
        for name, make in STRAYS.items():
            make(repo.results / name)
        daemon.until(lambda: not [e for e in repo.results.iterdir() if e.name in STRAYS], f"round {round_}")
    daemon.until(lambda: len(repo.events("result-rejected")) == 2 * len(STRAYS), "all of them to be named")
    rejected = repo.results / "rejected"
    named = {event.body["file"].removeprefix("results/rejected/") for event in repo.events("result-rejected")}
    assert named == {entry.name for entry in rejected.iterdir()} >= set(STRAYS)
    flag.touch()
    daemon.status("T-1", "done")
    assert repo.attempts_run() == ["T-1.1"]
    (repo.results / "T-1.1.json").write_text("{}")
    daemon.until((repo.results / "late" / "T-1.1.json").exists, "the late result")


def test_inbox_folders_that_are_no_folders_do_no_harm(repo: Repo, start: Start) -> None:
    """Somebody put a file where `rejected` belongs, and a symlink where `late` belongs."""
    repo.results.mkdir()
    (repo.results / "rejected").write_text("a file")
    (repo.results / "late").symlink_to("/nowhere")
    (repo.results / "stray.json").write_text("{}")
    repo.write_tasks(repo.task("T-1"))
    daemon = start(repo)
    daemon.status("T-1", "done")
    daemon.until(lambda: not (repo.results / "stray.json").exists(), "the stray to be moved")
    assert daemon.stop() == 0


def test_nothing_a_worker_writes_runs_in_the_daemons_git(repo: Repo, start: Start) -> None:
    """Hooks, filters, fsmonitor, an upload-pack hook: the worker's own configuration takes no part."""
    owned = repo.folder / "owned"
    evil = f"touch {owned}"
    repo.write_tasks(
        repo.bare_task(
            "T-1",
            WRITE,
            "echo '*.txt filter=evil diff=evil' > .gitattributes",
            worker.COMMIT,
            worker.RESULT,
            f"printf '#!/bin/sh\\n{evil}\\n' > .git/evil; chmod +x .git/evil",
            'E="$PWD/.git/evil"',
            'git config core.fsmonitor "$E"; git config filter.evil.clean "$E"; git config filter.evil.smudge "$E"',
            'git config diff.evil.command "$E"; git config diff.evil.textconv "$E"; git config core.sshCommand "$E"',
            'git config uploadpack.packObjectsHook "$E"; git config gpg.program "$E"',
            'git config core.hooksPath "$PWD/.git"',
            "for hook in post-checkout pre-commit reference-transaction post-index-change pre-push; do"
            ' mkdir -p .git/hooks; cp "$E" ".git/hooks/$hook"; cp "$E" ".git/$hook"; done',
        )
    )
    assert start(repo, "--until-idle").wait() == 0
    assert repo.squashes() == {"T-1": 1}
    assert not owned.exists()


def test_what_is_not_documented_is_noted(repo: Repo, start: Start) -> None:
    """By default it lands with a note; a document, a reason, or a documentation task to come is enough."""
    reason = worker.RESULT.replace('"notes":"ok"', '"notes":"documentation: nothing that users see"')
    source = worker.writing({"src/T-3.py": "x"})
    repo.write_tasks(
        repo.task("T-1", files={"src/a.py": "x"}),
        repo.task("T-2", files={"src/b.py": "x", "docs/b.md": "x"}),
        repo.bare_task("T-3", source, worker.COMMIT, reason),
        repo.task("T-4", files={"src/d.py": "x"}, phase=1),
        repo.task("T-5", files={"docs/d.md": "x"}, phase=1, kind="docs", depends_on=["T-4"]),
    )
    assert start(repo, "--until-idle").wait() == 0
    noted = {task for task, entry in repo.shown().items() if "docs gate: it changes code" in entry["notes"]}
    assert noted == {"T-1"}


def test_where_documentation_is_required_the_worker_is_told(repo: Repo, start: Start) -> None:
    """With the items of the project's own checklist."""
    repo.configure('[gate]\nci_command = ["true"]\n[docs_gate]\nmode = "required"\n')
    (repo.colleague() / "docs").mkdir()
    repo.push_meanwhile("docs/DOCUMENTATION-CHECKLIST.md", "- [ ] The manual says who may log in: auth\n")
    document = worker.writing({"docs/login.md": "x"})
    repo.write_tasks(
        repo.task(
            "T-1",
            f'if grep -q "The manual says who may log in" "$MOSAIC_PROMPT_FILE"; then {document}; fi',
            files={"src/auth.py": "x"},
        )
    )
    assert start(repo, "--until-idle").wait() == 0
    assert repo.gates() == {"T-1.2": 1}


@pytest.mark.slow
def test_without_a_checklist_of_its_own_a_project_has_the_templates(repo: Repo, start: Start) -> None:
    """An empty one of its own asks for nothing by name, and for documentation all the same."""
    repo.configure('[worker]\nretries = 0\n[gate]\nci_command = ["true"]\n[docs_gate]\nmode = "required"\n')
    repo.write_tasks(repo.task("T-1", files={"src/auth.py": "x"}))
    assert start(repo, "--until-idle").wait() == 3
    told = "it changes authentication and no documentation"
    assert f"{told}: Changed permissions, secrets and trust" in repo.record("T-1")["state"]["failure"]["message"]
    (repo.colleague() / "docs").mkdir(exist_ok=True)
    repo.push_meanwhile("docs/DOCUMENTATION-CHECKLIST.md", "")
    repo.edit_tasks(T_1={"status": "not-started"})
    assert start(repo, "--until-idle").wait() == 3
    assert f"{told}. Document it" in repo.record("T-1")["state"]["failure"]["message"]


def test_a_checklist_that_cannot_be_read_stops_the_start(repo: Repo, start: Start) -> None:
    """It names the file; nothing is done meanwhile."""
    file = repo.folder / "templates" / "docs" / "DOCUMENTATION-CHECKLIST.md"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\xff")
    repo.configure(f'[templates]\npath = "{file.parents[1]}"\n')
    repo.write_tasks(repo.task("T-1"))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 78
    assert f"{file}: the template cannot be read" in daemon.log
    assert repo.attempts_run() == []
