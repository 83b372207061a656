"""The person's checkout in every state: it is theirs, the daemon only follows where nothing of theirs is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.fixtures import Start
from tests.support.repo import Repo, git


@pytest.fixture
def alone(tmp_path: Path) -> Repo:
    """A repository without an origin."""
    return Repo(tmp_path, with_origin=False)


def in_rebase(root: Path) -> None:
    """Stop in the middle of a rebase with a conflict."""
    git(root, "switch", "-q", "-c", "topic")
    (root / "README.md").write_text("topic\n")
    git(root, "commit", "-q", "-a", "-m", "topic")
    git(root, "switch", "-q", "main")
    (root / "README.md").write_text("main\n")
    git(root, "commit", "-q", "-a", "-m", "main")
    git(root, "switch", "-q", "topic")
    git(root, "rebase", "-q", "main", check=False)
    assert (root / ".git" / "rebase-merge").exists()


def other_branch(root: Path) -> None:
    git(root, "switch", "-q", "-c", "feature")
    (root / "mine.txt").write_text("committed here only\n")
    git(root, "add", "mine.txt")
    git(root, "commit", "-q", "-m", "mine")


def dirty(root: Path) -> None:
    (root / "README.md").write_text("being edited\n")
    (root / "new.txt").write_text("not added\n")


def staged(root: Path) -> None:
    (root / "README.md").write_text("staged\n")
    git(root, "add", "README.md")


def ahead(root: Path) -> None:
    (root / "mine.txt").write_text("not pushed\n")
    git(root, "add", "mine.txt")
    git(root, "commit", "-q", "-m", "not pushed")


def in_the_way(root: Path) -> None:
    (root / "T-1.txt").write_text("an untracked file of the same name\n")


STATES: dict[str, Callable[[Path], object]] = {
    "detached head": lambda root: git(root, "checkout", "-q", "--detach"),
    "other branch": other_branch,
    "mid-rebase": in_rebase,
    "dirty": dirty,
    "staged": staged,
    "ahead": ahead,
    "a file in the way": in_the_way,
}


def seen_by_person(root: Path) -> tuple[str, str, str, str]:
    """Everything a person would notice: head, branch, index and working tree."""
    return (
        git(root, "rev-parse", "HEAD"),
        git(root, "symbolic-ref", "-q", "HEAD", check=False),
        git(root, "status", "--porcelain", "--", ".", ":!.mosaic"),
        git(root, "diff", "HEAD"),
    )


@pytest.mark.parametrize("state", STATES)
def test_with_an_origin_work_lands_and_the_checkout_is_left_alone(repo: Repo, start: Start, state: str) -> None:
    """Whatever state it is in: nothing is committed, stashed, switched or overwritten there."""
    STATES[state](repo.root)
    before = seen_by_person(repo.root)
    repo.write_tasks(repo.task("T-1"))
    assert start(repo, "--until-idle").wait() == 0
    assert repo.squashes() == {"T-1": 1}
    assert seen_by_person(repo.root) == before
    assert git(repo.root, "stash", "list") == ""


def test_without_an_origin_work_lands_in_a_clean_checkout(alone: Repo, start: Start) -> None:
    """On the checked-out branch, with index and files."""
    alone.write_tasks(alone.task("T-1"), alone.task("T-2", "test -f T-1.txt", depends_on=["T-1"]))
    assert start(alone, "--until-idle").wait() == 0
    assert alone.squashes() == {"T-1": 1, "T-2": 1}
    assert git(alone.root, "status", "--porcelain") == ""
    assert (alone.root / "T-2.txt").read_text() == "T-2\n"
    assert alone.table()["T-2"]["status"] == "done"


@pytest.mark.parametrize("state", ["detached head", "other branch"])
def test_without_an_origin_a_branch_that_is_not_checked_out_moves_alone(alone: Repo, start: Start, state: str) -> None:
    STATES[state](alone.root)
    before = seen_by_person(alone.root)
    alone.write_tasks(alone.task("T-1"))
    assert start(alone, "--until-idle").wait() == 0
    assert alone.squashes() == {"T-1": 1}
    assert seen_by_person(alone.root) == before


@pytest.mark.parametrize("state", ["dirty", "staged", "mid-rebase", "a file in the way"])
def test_without_an_origin_unfinished_work_holds_the_landing_and_says_so(alone: Repo, start: Start, state: str) -> None:
    """No try is used; when the person is through with it, the work lands."""
    STATES[state](alone.root)
    before = seen_by_person(alone.root)
    alone.write_tasks(alone.task("T-1"))
    daemon = start(alone, "--poll-sec", "3600")
    root = str(alone.root)
    daemon.until(lambda: any(root in held.body["hold"]["reason"] for held in alone.events("gate-held")), "the hold")
    daemon.ask("cycle")
    assert (alone.status("T-1"), alone.squashes()) == ("in-progress", {})
    # The table's commit may land: no unfinished work is in its way where only a file of another name is.
    unmoved = slice(1, None) if state == "a file in the way" else slice(None)
    assert seen_by_person(alone.root)[unmoved] == before[unmoved]
    daemon.kill()  # git itself does not guard a commit by hand against a push at that very moment
    finish(alone.root, state)
    assert start(alone, "--until-idle").wait() == 0
    assert alone.attempts_run() == ["T-1.1"]
    assert alone.squashes() == {"T-1": 1}
    if state == "mid-rebase":
        assert git(alone.root, "branch", "--show-current") == "topic"
    else:
        assert git(alone.root, "status", "--porcelain") == ""


def finish(root: Path, state: str) -> None:
    """What the person does at last."""
    if state == "mid-rebase":
        (root / "README.md").write_text("both\n")
        git(root, "add", "README.md")
        git(root, "rebase", "--continue")
    elif state == "a file in the way":
        (root / "T-1.txt").unlink()
    else:
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", "finished")


def test_a_repository_without_a_commit_is_refused_with_what_to_do(tmp_path: Path, start: Start) -> None:
    """Nothing can start from no commit: it is said, and tried again when there is one."""
    repo = Repo(tmp_path, with_origin=False)
    git(repo.root, "update-ref", "-d", "HEAD")
    repo.write_tasks(repo.task("T-1"))
    daemon = start(repo)
    daemon.until(lambda: "there is no branch `main`" in repo.reports(), "the report")
    git(repo.root, "add", "README.md")
    git(repo.root, "commit", "-q", "-m", "start")
    daemon.status("T-1", "done")


def test_an_origin_that_goes_away_holds_and_comes_back(repo: Repo, start: Start) -> None:
    """Nothing fails, no try is used."""
    assert repo.origin is not None
    flag = repo.folder / "go"
    repo.write_tasks(repo.task("T-1", f'while [ ! -e "{flag}" ]; do sleep 0.02; done'), repo.task("T-2"))
    daemon = start(repo)
    daemon.status("T-2", "done")
    daemon.until(lambda: "T-1.1" in repo.attempts_run(), "the worker to work")
    away = repo.origin.with_name("away.git")
    repo.origin.rename(away)
    flag.touch()
    daemon.until(lambda: "the origin cannot be read" in repo.reports(), "the report")
    away.rename(repo.origin)
    daemon.status("T-1", "done")
    assert (repo.attempts_run().count("T-1.1"), repo.record("T-1")["tries"]) == (1, {})


def test_somebody_else_who_moves_the_branch_at_the_same_moment_is_no_refusal(repo: Repo, start: Start) -> None:
    """The origin's lock on the branch is taken: the landing waits, and is not blamed on the task."""
    assert repo.origin is not None
    flag = repo.folder / "go"
    repo.write_tasks(repo.task("T-1", f'while [ ! -e "{flag}" ]; do sleep 0.02; done'))
    daemon = start(repo)
    daemon.until(lambda: repo.table()["T-1"]["status"], "the table")
    lock = repo.origin / "refs" / "heads" / "main.lock"
    lock.touch()
    flag.touch()
    daemon.until(lambda: "`main` is just being moved by somebody else" in repo.reports(), "the report")
    lock.unlink()
    daemon.status("T-1", "done")
    assert repo.record("T-1")["tries"] == {}


def test_a_folder_that_is_no_repository(tmp_path: Path, start: Start) -> None:
    repo = Repo(tmp_path)
    daemon = start(repo, "--repo", str(tmp_path))
    assert daemon.wait() == 78
    assert "this is not a git repository" in daemon.log
    assert not (tmp_path / ".mosaic").exists()


def test_the_person_stays_on_the_newest_commit(repo: Repo, start: Start) -> None:
    """A clean checkout of the base branch follows; an ignored file in it stays."""
    (repo.root / ".git" / "info" / "exclude").write_text("local.cfg\n")
    (repo.root / "local.cfg").write_text("mine\n")
    repo.write_tasks(repo.task("T-1"))
    assert start(repo, "--until-idle").wait() == 0
    assert git(repo.root, "rev-parse", "HEAD") == git(repo.landed, "rev-parse", "main")
    assert git(repo.root, "rev-parse", "origin/main") == git(repo.landed, "rev-parse", "main")
    assert (repo.root / "local.cfg").read_text() == "mine\n"
    assert git(repo.root, "status", "--porcelain") == ""
    assert "/.mosaic/orchestrator/" in (repo.root / ".git" / "info" / "exclude").read_text()
