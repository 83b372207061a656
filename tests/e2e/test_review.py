"""From an accepted attempt through its independent review: with scripted reviewers, good ones and bad ones."""

from __future__ import annotations

import json

import pytest

from tests.support import reviewer as reviewers
from tests.support.fixtures import Start
from tests.support.processes import attempts_alive
from tests.support.repo import Repo, git
from tests.support.reviewer import Reviewer, finding, writing
from tests.support.worker import waiting

SOURCE = {"src/a.py": "x = 1\n"}
AGENT_APPROVES = {"verdict": "approve", "blockers": 0, "critical_security": 0, "findings": []}


def prints(document: object) -> str:
    """A step of an agent that says this."""
    return f"cat > /dev/null; printf '%s\\n' '{json.dumps(document)}'"


def test_what_both_reviewers_approve_is_delivered_with_their_words(repo: Repo, start: Start) -> None:
    """Each is run once, on the accepted commit, beside the base branch it came from, with no forge's token."""
    reviewer = Reviewer(repo)
    seen = repo.folder / "seen"
    reviewer.script(
        "code",
        f"git rev-parse HEAD > {seen}",
        f"git diff --name-only $base...HEAD >> {seen}; git diff --name-only origin/$base...HEAD >> {seen}",
        f"env >> {seen}; test -w src/a.py && [ $(id -u) != 0 ] && exit 9",
        writing(reviewers.APPROVED),
    )
    repo.write_tasks(repo.task("T-1", files=SOURCE))
    daemon = start(repo, "--until-idle", env={"GITEA_TOKEN": "s3cret-gitea", "GITHUB_TOKEN": "s3cret-github"})
    assert daemon.wait() == 0, daemon.log
    assert sorted(reviewer.ran()) == ["T-1.1-review1-code.1", "T-1.1-review1-security.1"]
    record = repo.record("T-1")
    head, path, same, *_ = seen.read_text().splitlines()
    assert (path, same) == ("src/a.py", "src/a.py")
    assert "s3cret" not in seen.read_text()
    assert "Review: approve (0 blockers, 0 critical) | Codex 0.98.0" in record["notes"]
    assert "Review passed — no issues found" in daemon.log
    review = record["state"]["evidence"]["review"]
    assert (review["verdict"], review["head_sha"], review["aspects"]) == ("approve", head, ["code", "security"])
    assert record["state"]["evidence"]["head_sha"] == head
    assert not list((repo.state / "reviews" / "trees").iterdir())


@pytest.mark.parametrize(
    ("files", "asked"),
    [
        ({"src/a.py": "x"}, ["code", "security"]),
        ({"ci/build.yml": "x"}, ["security"]),
        ({"tests/test_a.py": "x"}, ["code"]),
        ({"docs/guide.md": "x"}, []),
    ],
    ids=["source", "config", "tests", "docs"],
)
def test_it_is_reviewed_by_what_changed(repo: Repo, start: Start, files: dict[str, str], asked: list[str]) -> None:
    reviewer = Reviewer(repo)
    repo.write_tasks(repo.task("T-1", files=files))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    assert sorted(reviewer.ran()) == [f"T-1.1-review1-{aspect}.1" for aspect in asked]


def test_what_must_be_mended_becomes_a_task_that_delivers_both(repo: Repo, start: Start) -> None:
    """`needs-qa`, and `T-1-QA` on the same branch from the reviewed commit; its delivery is the first one's too."""
    reviewer = Reviewer(repo)
    bad = writing(reviewers.code("request-changes", 1, finding(), finding("suggestion", "a name")))
    reviewer.script("code", f"case $MOSAIC_TASK_ID in T-1) {bad};; *) {writing(reviewers.APPROVED)};; esac")
    mends = f"{waiting(repo.folder / 'flag')}\ntest -f src/a.py; echo mended > mended.py"
    steps = f"if [ $MOSAIC_TASK_ID = T-1-QA ]; then\n{mends}\nfi"
    repo.write_tasks(repo.task("T-1", steps, files={"src/a.py": "x"}), repo.task("T-2", depends_on=["T-1"]))
    daemon = start(repo, "--until-idle")
    daemon.status("T-1", "needs-qa")
    daemon.until(lambda: "T-1-QA.1" in repo.attempts_run(), "the remediation to start")
    added = repo.record("T-1-QA")
    assert "it divides by zero (src/a.py:3)" in added["task"]["description"]
    assert added["task"]["kind"] == "qa"
    assert added["task"]["depends_on"] == []
    assert any("it divides by zero (src/a.py:3); a name (src/a.py:3)" in note for note in added["notes"])
    assert "- [blocker] it divides by zero (src/a.py:3): why" in repo.prompt("T-1-QA.1")
    assert "Review: needs-qa (1 blocker) → QA task T-1-QA created" in repo.record("T-1")["notes"]
    assert repo.status("T-2") == "not-started"
    (repo.folder / "flag").touch()
    assert daemon.wait() == 0, daemon.log
    assert repo.statuses() == {"T-1": "done", "T-2": "done", "T-1-QA": "done"}
    assert repo.squashes() == {"T-1-QA": 1, "T-2": 1}
    assert (repo.on_main("src/a.py"), repo.on_main("mended.py")) == ("x", "mended")
    assert repo.record("T-1")["state"]["evidence"]["delivered_with"] == "T-1-QA"
    assert {task: row["status"] for task, row in repo.table().items()} == dict.fromkeys(
        ("T-1", "T-2", "T-1-QA"), "done"
    )


def test_a_review_that_never_ends_well_is_blocked_after_its_rounds(repo: Repo, start: Start) -> None:
    """The remediation is sent back from where it was, and blocked when that was often enough."""
    reviewer = Reviewer(repo, max_rounds=2)
    reviewer.script("security", writing(reviewers.security(0, 2, finding("high"), finding("high", "a secret"))))
    steps = "echo $MOSAIC_ATTEMPT >> src.py"
    repo.write_tasks(repo.task("T-1", steps, files={}))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 3, daemon.log
    assert repo.statuses() == {"T-1": "needs-qa", "T-1-QA": "blocked"}
    assert repo.attempts_run() == ["T-1.1", "T-1-QA.1", "T-1-QA.2"]
    assert "the review found 2 high: it divides by zero (src/a.py:3); a secret (src/a.py:3)" in repo.prompt("T-1-QA.2")
    failure = repo.record("T-1-QA")["state"]["failure"]
    assert failure["kind"] == "review"
    head = repo.record("T-1-QA")["start_from"]
    assert git(repo.state / "gate.git", "show", f"{head}:src.py").split() == ["T-1.1", "T-1-QA.1", "T-1-QA.2"]
    assert repo.squashes() == {}


def test_suggestions_go_into_the_notes_and_stop_nothing(repo: Repo, start: Start) -> None:
    reviewer = Reviewer(repo)
    reviewer.script("code", writing(reviewers.code("request-changes", 0, finding("should-fix", "a long name"))))
    repo.write_tasks(repo.task("T-1", files=SOURCE))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    notes = repo.record("T-1")["notes"]
    assert "Review: request-changes (0 blockers, 0 critical) | Codex 0.98.0" in notes
    assert "Should fix: a long name (src/a.py:3)" in notes


@pytest.mark.parametrize(
    ("steps", "runs"),
    [
        ("echo 'looks good'", 2),
        (writing("approve"), 2),
        (writing({"verdict": "approve", "stats": {"blockers": 1}}), 2),
        (writing({**reviewers.APPROVED, "head_sha": "f" * 40}), 2),
        ("sleep 60", 2),
        (f"{writing(reviewers.APPROVED)}; exit 1", 2),
        ("echo 'codex: command not found' >&2; exit 127", 1),
        ("echo 'Error: not logged in' >&2; exit 1", 1),
        ("echo 'API error: 500 internal server error' >&2; exit 1", 1),
    ],
    ids=["silent", "no-json", "contradiction", "other-head", "hangs", "bad-end", "not-found", "auth", "api"],
)
def test_a_bad_primary_reviewer_is_asked_again_and_then_the_fallback(
    repo: Repo, start: Start, steps: str, runs: int
) -> None:
    """Once more where that may help; where it is not available, the fallback at once."""
    reviewer = Reviewer(repo, timeout_sec=2)
    reviewer.script("code", steps)
    reviewer.configure(reviewer.agent(prints(AGENT_APPROVES)), runtime="critic")
    repo.write_tasks(repo.task("T-1", files={"tests/test_a.py": "x"}))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    primary = [f"T-1.1-review1-code.{number}" for number in range(1, runs + 1)]
    assert reviewer.ran() == [*primary, "T-1.1-review1-fallback.1"]
    assert "Review: approve (0 blockers, 0 critical) | critic" in repo.record("T-1")["notes"]


def test_the_tokens_of_every_review_are_counted(repo: Repo, start: Start) -> None:
    """Of those without a verdict too."""
    reviewer = Reviewer(repo)
    usage = '{"type":"turn.completed","usage":{"input_tokens":900,"cached_input_tokens":400,"output_tokens":50}}'
    reviewer.script("code", f"echo '{usage}'; exit 3")
    reviewer.configure(reviewer.agent(prints(AGENT_APPROVES | {"used": "2K"})), runtime="critic")
    repo.write_tasks(repo.task("T-1", files={"tests/test_a.py": "x"}))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    assert repo.record("T-1")["used"] == 1000 + 2 * 550 + 2000


def test_without_any_verdict_it_is_blocked_with_the_command_and_reviewed_again_when_asked(
    repo: Repo, start: Start
) -> None:
    reviewer = Reviewer(repo)
    reviewer.script("code", "echo rubbish; exit 3")
    repo.write_tasks(repo.task("T-1", files={"tests/test_a.py": "x"}))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 3, daemon.log
    failure = repo.record("T-1")["state"]["failure"]
    assert "no reviewer came to a verdict: `code-review.sh`: exit 3: rubbish" in failure["message"]
    assert "there is no fallback reviewer" in failure["message"]
    assert failure["command"].startswith(str(repo.folder / "code-review.sh"))
    assert (repo.status("T-1"), repo.squashes()) == ("blocked", {})
    assert git(repo.folder, "-C", failure["cwd"], "diff", "--name-only", "main...HEAD") == "tests/test_a.py"
    reviewer.script("code", writing(reviewers.APPROVED))
    repo.edit_tasks(T_1={"status": "not-started"})
    again = start(repo, "--until-idle")
    assert again.wait() == 0, again.log
    assert reviewer.ran()[-1] == "T-1.1-review2-code.1"
    assert repo.attempts_run() == ["T-1.1"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("echo 'looks good to me'", "there is no JSON with a `verdict` in its answer"),
        (prints(AGENT_APPROVES | {"head_sha": "f" * 40}), "its verdict is for another commit"),
        (prints(AGENT_APPROVES | {"blockers": 1}), "it contradicts itself"),
        ("exec sleep 300", "it was ended by timeout"),
    ],
    ids=["no-json", "other-head", "contradiction", "hangs"],
)
def test_a_bad_fallback_reviewer_approves_nothing(repo: Repo, start: Start, steps: str, said: str) -> None:
    """Asked twice, then a person; what it said is in the reason."""
    reviewer = Reviewer(repo, timeout_sec=2, code=[])
    reviewer.configure(reviewer.agent(steps), runtime="critic")
    repo.write_tasks(repo.task("T-1", files={"tests/test_a.py": "x"}))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 3, daemon.log
    assert reviewer.ran() == ["T-1.1-review1-fallback.1", "T-1.1-review1-fallback.2"]
    assert said in repo.record("T-1")["state"]["failure"]["message"]
    assert (repo.status("T-1"), repo.squashes()) == ("blocked", {})


def test_a_box_without_a_reviewer_still_works_and_says_so(repo: Repo, start: Start) -> None:
    """The default: nothing is configured, and nothing is there."""
    repo.write_tasks(repo.task("T-1", files=SOURCE))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    assert repo.record("T-1")["state"]["evidence"]["review"] == {"verdict": "not reviewed: no reviewer"}


def test_what_there_is_no_reviewer_for_is_said(repo: Repo, start: Start) -> None:
    """Half a review is better than none, and is not taken for a whole one."""
    reviewer = Reviewer(repo, mode="auto")
    reviewer.configure(security=[])
    repo.write_tasks(repo.task("T-1", files=SOURCE), repo.task("T-2", files={"a.yml": "x"}))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    first, second = (repo.record(task)["state"]["evidence"]["review"] for task in ("T-1", "T-2"))
    assert (first["aspects"], first["not_reviewed_for"]) == (["code"], ["security"])
    assert "Not reviewed for security: no reviewer" in repo.record("T-1")["notes"]
    assert second == {"verdict": "not reviewed: no reviewer"}


def test_where_a_review_is_required_nothing_lands_without_one(repo: Repo, start: Start) -> None:
    repo.configure('[review]\nmode = "required"\n')
    repo.write_tasks(repo.task("T-1", files=SOURCE))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 3, daemon.log
    failure = repo.record("T-1")["state"]["failure"]
    assert (repo.status("T-1"), repo.squashes()) == ("blocked", {})
    assert "cannot be found" in failure["message"]
    assert "codex-code-review.sh -b main -o" in failure["command"]


def test_a_reviewer_outlives_the_daemon_and_is_asked_once(repo: Repo, start: Start) -> None:
    """kill -9 in the middle: the next daemon finds the run, and takes what it says."""
    reviewer = Reviewer(repo)
    flag = repo.folder / "flag"
    reviewer.script("code", waiting(flag), writing(reviewers.APPROVED))
    repo.write_tasks(repo.task("T-1", files=SOURCE))
    first = start(repo)
    first.until(lambda: len(reviewer.ran()) == 2, "both reviewers to be at work")
    first.until(lambda: repo.shown()["T-1"]["stage"] == "reviewing", "the queue to show it")
    first.kill()
    second = start(repo, "--until-idle").ready()
    flag.touch()
    assert second.wait() == 0, second.log
    assert len(reviewer.ran()) == 2
    assert repo.squashes() == {"T-1": 1}


def test_a_task_that_is_put_off_takes_its_reviewers_with_it(repo: Repo, start: Start) -> None:
    """Nobody goes on to review what nobody wants any more."""
    reviewer = Reviewer(repo)
    reviewer.script("code", "exec sleep 300")
    repo.write_tasks(repo.task("T-1", files={"tests/test_a.py": "x"}))
    daemon = start(repo).ready()
    daemon.until(reviewer.ran, "the reviewer to be at work")
    daemon.until(lambda: repo.shown()["T-1"]["stage"] == "reviewing", "the queue to show it")
    repo.edit_tasks(T_1={"status": "deferred"})
    daemon.status("T-1", "deferred")
    daemon.until(lambda: not list((repo.state / "reviews" / "trees").iterdir()), "the checkout to be gone")
    daemon.until(lambda: not attempts_alive(repo.root), "the reviewer to be gone")


def test_what_was_delivered_with_its_remedy_is_found_without_the_ledger(repo: Repo, start: Start) -> None:
    reviewer = Reviewer(repo)
    bad = writing(reviewers.code("request-changes", 1, finding()))
    reviewer.script("code", f"case $MOSAIC_TASK_ID in T-1) {bad};; *) {writing(reviewers.APPROVED)};; esac")
    repo.write_tasks(repo.task("T-1", "echo $MOSAIC_ATTEMPT >> log.py", files={}))
    first = start(repo, "--until-idle")
    assert first.wait() == 0, first.log
    for file in repo.state.glob("state.db*"):
        file.unlink()
    second = start(repo, "--until-idle")
    assert second.wait() == 0, second.log
    assert repo.statuses() == {"T-1": "done", "T-1-QA": "done"}
    assert repo.attempts_run() == ["T-1.1", "T-1-QA.1"]
