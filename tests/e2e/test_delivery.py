"""From the queue to squash commits on the origin's main, and what happens to tasks that do not get there."""

from __future__ import annotations

from tests.support.fixtures import Start
from tests.support.repo import Repo, git


def test_two_tasks_reach_the_origins_main(repo: Repo, start: Start) -> None:
    """The main job: each task is one squash commit with its trailers, the faces show it, the checkout follows."""
    repo.write_tasks(repo.task("T-1"), repo.task("T-2"))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    assert daemon.log.startswith("Now initiating Orchestrator mode...\n")
    assert repo.statuses() == {"T-1": "done", "T-2": "done"}
    assert repo.squashes() == {"T-1": 1, "T-2": 1}
    assert repo.gates() == {"T-1.1": 1, "T-2.1": 1}
    assert (repo.on_main("T-1.txt"), repo.on_main("T-2.txt")) == ("T-1", "T-2")
    assert {task: entry["status"] for task, entry in repo.shown().items()} == {"T-1": "done", "T-2": "done"}
    assert {task: row["status"] for task, row in repo.table().items()} == {"T-1": "done", "T-2": "done"}
    assert repo.attempts_run() == ["T-1.1", "T-2.1"] or repo.attempts_run() == ["T-2.1", "T-1.1"]
    assert git(repo.root, "rev-parse", "HEAD") == git(repo.origin or repo.root, "rev-parse", "main")
    assert git(repo.root, "status", "--porcelain") == ""


def test_a_task_starts_only_when_what_it_depends_on_is_on_main(repo: Repo, start: Start) -> None:
    """`depends_on` and `blocks` are the same kind of edge; the worker sees the work of those before it."""
    repo.write_tasks(
        repo.task("T-3", "test -f T-1.txt", "test -f T-2.txt", depends_on=["T-2"], priority=9),
        repo.task("T-2", "test -f T-1.txt"),
        repo.task("T-1", blocks=["T-2"]),
    )
    assert start(repo, "--until-idle").wait() == 0
    assert repo.attempts_run() == ["T-1.1", "T-2.1", "T-3.1"]
    landed = git(repo.landed, "log", "--reverse", "--format=%(trailers:key=Mosaic-Task,valueonly)", "main").split()
    assert landed == ["T-1", "T-2", "T-3"]


def test_red_ci_returns_the_task_once_and_then_blocks_it(repo: Repo, start: Start) -> None:
    """The second worker is told what failed; CI never ran on anything but the commit that would land."""
    repo.configure('[gate]\nci_command = ["sh", "-c", "echo checking; ! grep -q wrong T-1.txt"]\n')
    repo.write_tasks(repo.task("T-1", files={"T-1.txt": "wrong\n"}), repo.task("T-2", depends_on=["T-1"]))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 3
    assert repo.statuses() == {"T-1": "blocked", "T-2": "not-started"}
    assert repo.attempts_run() == ["T-1.1", "T-1.2"]
    assert "its CI is red" in repo.prompt("T-1.2")
    assert "checking" in repo.prompt("T-1.2")
    assert "grep -q wrong" in repo.shown()["T-1"]["evidence"]["command"], "what can be run again is named"
    assert repo.squashes() == {}
    assert "T-2 depends on T-1, which is blocked" in repo.reports()


def test_a_worker_that_mends_red_ci_is_merged(repo: Repo, start: Start) -> None:
    """Coming back once is not a failure."""
    repo.configure('[gate]\nci_command = ["sh", "-c", "! grep -q wrong T-1.txt"]\n')
    text = 'test "$MOSAIC_FENCE" = 1 && echo wrong > T-1.txt || echo right > T-1.txt'
    repo.write_tasks(repo.task("T-1", text, files={}))
    assert start(repo, "--until-idle").wait() == 0
    assert repo.gates() == {"T-1.2": 1}
    assert repo.on_main("T-1.txt") == "right"


def test_a_conflict_returns_the_task_once_and_then_blocks_it(repo: Repo, start: Start) -> None:
    """The next prompt names the file; a second conflict needs a person."""
    flags = [repo.folder / f"go-{number}" for number in (1, 2)]
    wait = f'while [ ! -e "{repo.folder}/go-$MOSAIC_FENCE" ]; do sleep 0.02; done'
    repo.write_tasks(repo.task("T-1", wait, files={"README.md": "mine\n"}))
    daemon = start(repo, "--until-idle")
    for fence, flag in enumerate(flags, 1):
        daemon.until(lambda: f"T-1.{fence}" in repo.attempts_run(), f"T-1.{fence} to work")  # noqa: B023
        repo.push_meanwhile("README.md", f"theirs {fence}\n")
        flag.touch()
    assert daemon.wait() == 3
    assert repo.status("T-1") == "blocked"
    assert "conflicts with main in README.md" in repo.prompt("T-1.2")
    assert "conflicts with main in README.md" in repo.shown()["T-1"]["notes"]
    assert (repo.on_main("README.md"), repo.squashes()) == ("theirs 2", {})


def test_nothing_to_merge_is_failed(repo: Repo, start: Start) -> None:
    """A commit that changes nothing on main is no success."""
    flag = repo.folder / "go"
    wait = f'while [ ! -e "{flag}" ]; do sleep 0.02; done'
    repo.write_tasks(repo.task("T-1", wait, files={"same.txt": "same\n"}))
    daemon = start(repo, "--until-idle")
    daemon.until(repo.attempts_run, "T-1.1 to work")
    repo.push_meanwhile("same.txt", "same\n")
    flag.touch()
    assert daemon.wait() == 3
    assert (repo.status("T-1"), repo.squashes()) == ("failed", {})
    assert "would not change main" in repo.shown()["T-1"]["notes"]


def test_a_verification_may_end_without_a_commit(repo: Repo, start: Start) -> None:
    """`kind: verification` is done when its worker says so and its worktree is clean."""
    result = 'printf \'{"task_id":"T-1","status":"success","used":"1K","commit_sha":null,"notes":"seen"}\\n\''
    repo.write_tasks(repo.bare_task("T-1", result, kind="verification"))
    assert start(repo, "--until-idle").wait() == 0
    assert (repo.status("T-1"), repo.squashes()) == ("done", {})


def test_a_failing_task_is_tried_three_times_and_what_waits_for_it_is_the_deadlock(repo: Repo, start: Start) -> None:
    """Each next prompt has the error; the report names who waits for what; exit 3."""
    repo.write_tasks(
        repo.bare_task("T-1", 'echo "compiler says no to $MOSAIC_FENCE"; exit 7'),
        repo.task("T-2", depends_on=["T-1"]),
        repo.task("T-3"),
    )
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 3
    assert repo.statuses() == {"T-1": "failed", "T-2": "not-started", "T-3": "done"}
    assert [name for name in repo.attempts_run() if name != "T-3.1"] == ["T-1.1", "T-1.2", "T-1.3"]
    for fence in (1, 2):
        assert f"compiler says no to {fence}" in repo.prompt(f"T-1.{fence + 1}")
    assert "exit 7" in repo.prompt("T-1.3")
    assert "deadlock: 1 task(s) cannot start: T-2 depends on T-1, which is failed" in repo.reports()
    assert "deadlock" in daemon.log


def test_circles_and_unknown_ids_are_named(repo: Repo, start: Start) -> None:
    """What can never start is said, the rest is delivered."""
    repo.write_tasks(
        repo.task("T-1", depends_on=["T-2"]),
        repo.task("T-2", depends_on=["T-1"]),
        repo.task("T-3", depends_on=["T-404"]),
        repo.task("T-4"),
    )
    assert start(repo, "--until-idle").wait() == 3
    assert repo.squashes() == {"T-4": 1}
    assert "T-1 -> T-2 -> T-1" in repo.reports()
    assert "T-3 depends on T-404, which does not exist" in repo.reports()


def test_at_most_two_workers_and_never_two_on_one_branch_or_file(repo: Repo, start: Start) -> None:
    """Each worker notes who else is at work when it starts."""
    count = f'ls "{repo.folder}/busy" > "{repo.folder}/seen.$MOSAIC_TASK_ID"'
    enter = f'mkdir -p "{repo.folder}/busy" && touch "{repo.folder}/busy/$MOSAIC_TASK_ID"'
    leave = f'sleep 0.3; rm "{repo.folder}/busy/$MOSAIC_TASK_ID"'
    repo.write_tasks(
        *(repo.task(f"F-{n}", enter, count, leave, files={f"F-{n}.txt": ""}) | {"files": ["a"]} for n in (1, 2)),
        *(repo.task(f"B-{n}", enter, count, leave, branch="fix/b") for n in (1, 2)),
        *(repo.task(f"X-{n}", enter, count, leave) for n in (1, 2)),
    )
    assert start(repo, "--until-idle").wait() == 0
    seen = {file.suffix[1:]: file.read_text().split() for file in repo.folder.glob("seen.*")}
    assert len(seen) == 6
    assert max(map(len, seen.values())) == 2, "both slots were used, never more"
    assert not any({"F-1", "F-2"} <= set(names) or {"B-1", "B-2"} <= set(names) for names in seen.values())
