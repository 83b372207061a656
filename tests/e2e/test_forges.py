"""The daemon on a forge that speaks real HTTP: from the queue to merged, green and closed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import DIALECTS, OnForge
from tests.forges.scripted import write_scripts
from tests.support import worker
from tests.support.fixtures import Start
from tests.support.repo import Repo, git


@pytest.fixture(params=DIALECTS)
def on(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnForge]:
    with OnForge.opened(tmp_path, request.param) as on_forge:
        yield on_forge


def test_two_tasks_are_merged_green_and_their_issues_closed(on: OnForge, start: Start) -> None:
    """One squash commit each, on top of each other; the evidence names pull request, commit, CI and issue."""
    issues = [on.fake.issue(f"finding {number}") for number in (1, 2)]
    on.fake.ci_always({"build": "green", "test": "green"}, hidden=1, running=1)
    on.repo.write_tasks(
        on.repo.task("T-1", issue=f"#{issues[0].number}"),
        on.repo.task("T-2", "test -f T-1.txt", issue=f"#{issues[1].number}", depends_on=["T-1"]),
    )
    daemon = start(on.repo, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    assert on.repo.squashes() == {"T-1": 1, "T-2": 1}
    assert [issue.state for issue in on.fake.issues[:2]] == ["closed", "closed"]
    for issue in issues:
        assert len(on.fake.comments(issue)) == 1
    evidence = on.repo.shown()["T-1"]["evidence"]
    assert evidence["ci"] == "green"
    assert evidence["change"] == str(on.fake.pulls[0].number)
    assert on.repo.table()["T-2"]["status"] == "done"
    assert on.fake.token not in daemon.log
    assert not any(on.fake.token in str(event.body) for event in on.repo.events())


def test_a_red_merge_commit_blocks_and_holds_the_others(on: OnForge, start: Start) -> None:
    """Nothing else lands on a red base branch; a task that mends it may, and then the rest goes on."""
    on.fake.ci_rule(lambda sha: {"build": "red" if "Mosaic-Task: T-1\n" in on.fake.commit(sha).message else "green"})
    go = on.repo.folder / "go"
    on.repo.write_tasks(on.repo.task("T-1"), on.repo.task("T-2", worker.waiting(go)))
    daemon = start(on.repo)
    daemon.status("T-1", "blocked")
    go.touch()
    daemon.until(lambda: on.held("T-2", "red"), "T-2 to wait for a green base branch")
    on.repo.write_tasks(*on.repo.shown().values(), on.repo.task("T-3", fixes_main=True))
    daemon.status("T-3", "done")
    daemon.status("T-2", "done")
    assert on.repo.shown()["T-1"]["evidence"]["class"] == "main_ci_failed"
    assert on.repo.squashes() == {"T-1": 1, "T-2": 1, "T-3": 1}
    assert daemon.stop() == 0


@pytest.mark.parametrize("on", ["gitea"], indirect=True)
def test_a_token_that_is_refused_blocks_one_task_and_holds_the_others(on: OnForge, start: Start) -> None:
    """They go on by themselves once it is good; the blocked one when somebody asks."""
    on.fake.ci_always({"build": "green"})
    on.fake.revoke(on.fake.token)
    on.repo.write_tasks(on.repo.task("T-1"), on.repo.task("T-2"), on.repo.task("T-3"))
    daemon = start(on.repo)

    def tasks(status: str) -> list[str]:
        return [task for task in ("T-1", "T-2", "T-3") if on.repo.status(task) == status]

    daemon.until(lambda: tasks("blocked"), "one to be blocked")
    daemon.until(lambda: "give the forge a token" in on.repo.reports(), "it to wait")
    [blocked] = tasks("blocked")
    daemon.until(lambda: on.repo.shown()[blocked]["evidence"], "the queue's file to say why")
    assert on.repo.shown()[blocked]["evidence"]["class"] == "unauthorized"
    on.fake.grant(on.fake.token)
    daemon.ask("cycle")
    daemon.until(lambda: len(tasks("done")) == 2, "the others to be delivered")
    assert tasks("blocked") == [blocked]
    on.repo.edit_tasks(**{blocked.replace("-", "_"): {"status": "not-started"}})
    daemon.status(blocked, "done")
    assert daemon.stop() == 0


def test_killed_in_the_middle_of_it_and_started_again(on: OnForge, start: Start) -> None:
    """One pull request, one squash commit, one comment."""
    issue = on.fake.issue("finding")
    on.fake.ci_always({"build": "green"}, running=2)
    on.repo.write_tasks(on.repo.task("T-1", issue=f"#{issue.number}"))
    for point in ("gate.pr.after-act", "gate.merge.after-act", "gate.close.after-act"):
        daemon = start(on.repo, "--until-idle", env={"MOSAIC_FAILPOINT": f"{point}=kill"})
        assert daemon.wait() == -9, f"{point} was not hit\n{daemon.log}"
    daemon = start(on.repo, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    assert on.repo.squashes() == {"T-1": 1}
    assert len(on.fake.pulls) == 1
    assert len(on.fake.comments(issue)) == 1


@pytest.fixture
def scripted(repo: Repo) -> Repo:
    """A repository whose forge is the user's own scripts, where the guide has them."""
    assert repo.origin is not None
    write_scripts(repo.folder / "home" / ".config" / "mosaic" / "tools" / "git", repo.folder / "forge", repo.origin)
    repo.configure('[forge]\nprovider = "wrappers"\n')
    return repo


def test_the_users_own_scripts_deliver(scripted: Repo, start: Start) -> None:
    """They open, wait, merge and close; git says what landed."""
    scripted.write_tasks(
        scripted.task("T-1", issue="#5"), scripted.task("T-2", "test -f T-1.txt", issue="#6", depends_on=["T-1"])
    )
    daemon = start(scripted, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    titles = git(scripted.landed, "log", "--first-parent", "--reverse", "--format=%s", "main").splitlines()
    assert [title.partition(":")[0] for title in titles if title.startswith("T-")] == ["T-1", "T-2"]
    assert sorted(file.name for file in (scripted.folder / "forge" / "closed").iterdir()) == ["5", "6"]


def test_a_script_that_fails_blocks_with_its_whole_command_line(scripted: Repo, start: Start) -> None:
    """In the notes and in the event; nothing else is tried in its place, and `retry` goes on when it is mended."""
    broken = scripted.folder / "forge" / "pr-merge.before"
    broken.write_text("echo 'no such remote' >&2; exit 3\n")
    scripted.write_tasks(scripted.task("T-1"))
    assert start(scripted, "--until-idle").wait() == 3
    command = f"{scripted.folder}/home/.config/mosaic/tools/git/pr-merge.sh -n 10 -m squash"
    assert command in scripted.shown()["T-1"]["notes"]
    assert command in str(scripted.events("gate-blocked")[-1].body)
    assert not list((scripted.folder / "forge" / "closed").iterdir())
    broken.unlink()
    scripted.edit_tasks(T_1={"status": "not-started"})
    daemon = start(scripted, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    assert scripted.attempts_run() == ["T-1.1"]
