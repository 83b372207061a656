"""The forge over scripts: real ones on a real origin, that fail in every way scripts do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mosaic_daemon.forges.base import Answer, Delayed, Forbidden, Landed, Moved, Proposal, Rejected, Sent
from mosaic_daemon.forges.wrappers.forge import WrappersForge
from mosaic_daemon.ground.errors import ConfigError, InputError, Unavailable
from mosaic_daemon.nouns.attempt import Failure
from tests.forges.benches import proposal
from tests.forges.scripted import ScriptedBench
from tests.rails.waiting import until
from tests.repository.repos import Repository, commit, git

HANGS = 'while [ ! -f "$state/go" ]; do sleep 0.02; done'


@pytest.fixture
async def bench(tmp_path: Path) -> ScriptedBench:
    return await ScriptedBench.start(tmp_path)


@pytest.fixture
async def change(bench: ScriptedBench) -> Proposal:
    return proposal("T-1.1", await bench.work({"a.txt": "mine\n"}), issue="#7")


def failure_of(answer: Answer) -> Failure:
    assert isinstance(answer, Forbidden), answer
    return answer.failure


async def opened(bench: ScriptedBench, change: Proposal) -> Proposal:
    assert isinstance(await bench.forge.open_change(change), Sent)
    number = await bench.forge.find_change(change)
    assert number
    return replace(change, change=number)


async def merged(bench: ScriptedBench, change: Proposal) -> tuple[Answer, Landed | None]:
    """What the merge answers, and what the probe after it finds."""
    base = await bench.forge.base()
    return await bench.forge.merge(change, base), await bench.forge.find_landed(change, base)


class TestThePullRequest:
    async def test_the_default_command_opens_it_for_the_tasks_branch(
        self, bench: ScriptedBench, change: Proposal
    ) -> None:
        """It says no branch: the script takes the one it finds checked out, and that has to be the task's."""
        git(bench.repository.root, "checkout", "-q", "-b", "unfinished")
        assert (await opened(bench, change)).change == "10"
        assert (bench.state / "pulls" / "10").read_text() == "task/t-1"
        assert bench.branch("task/t-1") == change.head_sha
        assert bench.calls("pr-create") == [f"-t T-1: work -b work  {change.marker}  -B main"]
        assert git(bench.repository.root, "status", "--porcelain", "--branch") == "## unfinished"
        await bench.forge.tidy(change)
        assert not list((bench.conduct.folder / "trees").iterdir())

    async def test_a_script_is_told_what_it_may_want_to_know(self, bench: ScriptedBench, change: Proposal) -> None:
        change = await opened(bench, change)
        base = bench.head()
        await merged(bench, change)
        told = bench.env("pr-merge")
        assert {name: value for name, value in told.items() if name.startswith("MOSAIC_")} == {
            "MOSAIC_ATTEMPT": "T-1.1-merge.1",
            "MOSAIC_TASK_ID": "T-1",
            "MOSAIC_GATE_ID": "T-1.1",
            "MOSAIC_BRANCH": "task/t-1",
            "MOSAIC_TARGET": "main",
            "MOSAIC_HEAD_SHA": change.head_sha,
            "MOSAIC_BASE_SHA": base,
            "MOSAIC_MARKER": change.marker,
        }
        assert (bench.state / "pr-merge.cwd").read_text().strip() == str(bench.repository.root)
        assert bench.calls("pr-merge") == ["-n 10 -m squash"]

    async def test_a_branch_that_is_taken_stays_as_it_is(self, bench: ScriptedBench, change: Proposal) -> None:
        """The accepted commit goes to another name, and that is the one that is merged."""
        other = commit(bench.repository.root, {"z.txt": "somebody's\n"})
        git(bench.repository.root, "push", "-q", "origin", "HEAD:refs/heads/task/t-1")
        change = await opened(bench, change)
        assert (bench.branch("task/t-1"), bench.branch("task/t-1-T-1.1")) == (other, change.head_sha)
        assert (await merged(bench, change))[1] is not None

    async def test_a_server_that_refuses_the_branch(self, bench: ScriptedBench, change: Proposal) -> None:
        """Before anything is run."""
        hook = bench.repository.base / "hooks" / "pre-receive"
        hook.write_text("#!/bin/sh\necho not here >&2\nexit 1\n")
        hook.chmod(0o700)
        assert failure_of(await bench.forge.open_change(change)).code == "push_refused"
        assert bench.calls("pr-create") == []

    async def test_an_origin_that_is_gone_is_waited_for(self, bench: ScriptedBench, change: Proposal) -> None:
        bench.repository.base.rename(bench.repository.base.with_suffix(".away"))
        assert isinstance(await bench.forge.open_change(change), Delayed)
        assert bench.calls("pr-create") == []

    async def test_an_answer_without_a_number(self, bench: ScriptedBench, change: Proposal) -> None:
        """There may be a pull request: it is not asked for again, and a person can say which one it is."""
        bench.tell("pr-create", "after", "answer='done, see the web page'")
        failure = failure_of(await bench.forge.open_change(change))
        assert (failure.code, failure.tail) == ("no_number", "done, see the web page")
        assert await bench.restart().find_change(change) is None
        assert failure_of(await bench.forge.open_change(change)).code == "no_number"
        file = bench.conduct.folder / "T-1.1.json"
        assert str(file) in failure.message
        file.write_text(json.dumps({**bench.notes("T-1.1"), "change": 12}))
        assert await bench.forge.find_change(change) == "12"
        assert len(bench.calls("pr-create")) == 1

    @pytest.mark.parametrize("text", ["{", "[]", '"x"'])
    async def test_a_note_that_a_person_has_damaged(self, bench: ScriptedBench, change: Proposal, text: str) -> None:
        await opened(bench, change)
        (bench.conduct.folder / "T-1.1.json").write_text(text)
        with pytest.raises(InputError, match=r"T-1\.1\.json"):
            await bench.forge.find_change(change)


class TestAFailure:
    async def test_it_carries_what_is_needed_to_see_it_again(self, bench: ScriptedBench, change: Proposal) -> None:
        bench.tell("pr-create", "before", "echo one; echo 'no permission' >&2; exit 3")
        failure = failure_of(await bench.forge.open_change(change))
        tree = bench.conduct.folder / "trees" / "T-1.1"
        assert failure.command == f"{bench.tool('pr-create.sh')} -t 'T-1: work' -b '{change.body}' -B main"
        assert (failure.cwd, failure.status, failure.code) == (str(tree), "exit 3", "script_failed")
        assert failure.message == "`pr-create.sh` failed: exit 3: no permission"
        assert failure.tail == "one\nno permission"
        assert await bench.forge.find_change(change) is None

    async def test_it_runs_again_when_the_gate_is_asked_for_again(self, bench: ScriptedBench, change: Proposal) -> None:
        """A person has read of it and has retried the task."""
        bench.tell("pr-create", "before", "exit 1")
        failure_of(await bench.forge.open_change(change))
        bench.forget("pr-create", "before")
        assert await bench.forge.find_change(change) is None
        await opened(bench, change)

    async def test_it_does_not_run_again_when_nobody_may_have_heard(
        self, bench: ScriptedBench, change: Proposal
    ) -> None:
        """The daemon died after the answer, and before it surely was written down."""
        bench.tell("pr-create", "before", "exit 1")
        first = failure_of(await bench.forge.open_change(change))
        assert await bench.forge.find_change(change) is None
        await bench.forge.aclose()
        assert failure_of(await bench.restart().open_change(change)) == first
        assert bench.env("pr-create")["MOSAIC_ATTEMPT"] == "T-1.1-create.1"
        bench.forge.recorded()
        assert failure_of(await bench.restart().open_change(change)) == first
        assert bench.env("pr-create")["MOSAIC_ATTEMPT"] == "T-1.1-create.2"

    async def test_a_program_that_is_not_there(self, bench: ScriptedBench, change: Proposal) -> None:
        bench.commands = replace(bench.commands, pr_create=("/nowhere/pr-create.sh", "-t", "{title}"))
        failure = failure_of(await bench.wrappers().open_change(change))
        assert failure.command == "/nowhere/pr-create.sh -t 'T-1: work'"
        assert "/nowhere/pr-create.sh" in failure.status

    @pytest.mark.parametrize("code", [75, 69])
    async def test_one_that_asks_for_later_runs_again(self, bench: ScriptedBench, change: Proposal, code: int) -> None:
        bench.tell("pr-create", "before", f'test "$(wc -l < "$state/pr-create.calls")" -gt 2 || exit {code}')
        for _ in range(2):
            answer = await bench.forge.open_change(change)
            assert isinstance(answer, Delayed)
            assert f"exit {code}" in answer.reason
            assert await bench.forge.find_change(change) is None
        assert isinstance(await bench.forge.open_change(change), Sent)

    async def test_it_does_not_ask_for_later_for_ever(self, bench: ScriptedBench, change: Proposal) -> None:
        bench.tell("pr-create", "before", "exit 75")
        answers = [await bench.forge.open_change(change) for _ in range(5)]
        assert [type(each) for each in answers] == [Delayed] * 4 + [Forbidden]
        assert failure_of(answers[-1]).code == "unavailable"
        assert isinstance(await bench.forge.open_change(change), Delayed), "asked again by a person"

    async def test_one_that_hangs_is_stopped_with_all_it_started(self, bench: ScriptedBench, change: Proposal) -> None:
        """Its effect may show; when it does not, it is refused and not run again."""
        forge = bench.restart(act_timeout_sec=0.3)
        bench.tell("pr-create", "before", 'sleep 1000 & echo $! > "$state/child"; wait')
        answer = await forge.open_change(change)
        assert isinstance(answer, Sent)
        assert not Path(f"/proc/{(bench.state / 'child').read_text().strip()}").exists()
        assert await forge.find_change(change) is None
        failure = failure_of(await bench.restart().open_change(change))
        assert failure.code == "unclear"
        assert "ran longer than 0.3 s" in failure.status


class TestTheMerge:
    async def test_it_lands_once_and_says_how_weak_its_guard_is(self, bench: ScriptedBench, change: Proposal) -> None:
        change = await opened(bench, change)
        answer, landed = await merged(bench, change)
        assert isinstance(answer, Sent)
        assert landed is not None
        assert landed.sha == bench.head()
        kept = bench.notes("T-1.1")
        assert (kept["head_seen"], kept["change"]) == (change.head_sha, "10")

    async def test_one_that_lands_and_then_fails_has_landed(self, bench: ScriptedBench, change: Proposal) -> None:
        change = await opened(bench, change)
        bench.tell("pr-merge", "after", "exit 1")
        answer, landed = await merged(bench, change)
        assert isinstance(answer, Forbidden)
        assert landed is not None
        for daemon in (bench.forge, bench.restart()):
            await daemon.merge(change, bench.head())
            await daemon.merge(change, landed.parent)
        assert bench.head() == landed.sha

    async def test_one_that_is_killed_when_it_has_landed(self, bench: ScriptedBench, change: Proposal) -> None:
        change = await opened(bench, change)
        bench.tell("pr-merge", "after", "kill -9 $$")
        answer, landed = await merged(bench, change)
        assert isinstance(answer, Sent)
        assert landed is not None

    async def test_one_that_is_killed_before(self, bench: ScriptedBench, change: Proposal) -> None:
        """It is looked for; when it is asked for again it is refused, and merged only for a person."""
        change = await opened(bench, change)
        bench.tell("pr-merge", "before", "kill -9 $$")
        assert [type(await bench.forge.merge(change, bench.head())) for _ in range(2)] == [Sent, Forbidden]
        assert len(bench.calls("pr-merge")) == 1
        bench.forget("pr-merge", "before")
        assert (await merged(bench, change))[1] is not None

    async def test_one_that_says_yes_and_does_nothing(self, bench: ScriptedBench, change: Proposal) -> None:
        change = await opened(bench, change)
        bench.tell("pr-merge", "before", "echo merged; exit 0")
        answer, landed = await merged(bench, change)
        assert (answer, landed) == (Sent("`pr-merge.sh`: merged"), None)
        failure = failure_of(await bench.restart().merge(change, bench.head()))
        assert (failure.code, failure.status, failure.tail) == ("merge_not_found", "exit 0", "merged")
        assert failure.command == f"{bench.tool('pr-merge.sh')} -n 10 -m squash"
        assert bench.calls("pr-merge") == ["-n 10 -m squash"]

    async def test_it_goes_on_while_the_daemon_is_away(self, bench: ScriptedBench, change: Proposal) -> None:
        """What runs is neither run again nor taken for something that has ended."""
        change = await opened(bench, change)
        forge, base = bench.restart(patience_sec=0), bench.head()
        bench.tell("pr-merge", "before", HANGS)
        assert await forge.merge(change, base) == Sent("`pr-merge.sh` is still running")
        await until(lambda: bench.calls("pr-merge"), "the script to run")
        for daemon in (forge, bench.restart()):
            with pytest.raises(Unavailable, match=r"pr-merge\.sh.* is still running"):
                await daemon.find_landed(change, base)
            assert await daemon.merge(change, base) == Sent("`pr-merge.sh` is still running")
        (bench.state / "go").touch()
        await until(lambda: bench.head() != base, "the merge")
        assert await bench.forge.find_landed(change, base) is not None
        assert len(bench.calls("pr-merge")) == 1

    @pytest.mark.parametrize("where", ["moved", "gone"])
    async def test_a_branch_that_is_not_where_it_was_accepted(
        self, bench: ScriptedBench, change: Proposal, where: str
    ) -> None:
        """The script would merge whatever is there."""
        change = await opened(bench, change)
        ref = "refs/heads/task/t-1"
        git(bench.repository.base, "update-ref", *([ref, bench.head()] if where == "moved" else ["-d", ref]))
        assert failure_of(await bench.forge.merge(change, bench.head())).code == "head_moved"
        assert bench.calls("pr-merge") == []

    async def test_a_base_that_moved_while_it_ran(self, bench: ScriptedBench, change: Proposal) -> None:
        """It is found on top of somebody's commit."""
        change = await opened(bench, change)
        base = bench.head()
        bench.tell("pr-merge", "before", HANGS)
        forge = bench.restart(patience_sec=0)
        await forge.merge(change, base)
        above = bench.push({"c.txt": "theirs\n"})
        (bench.state / "go").touch()
        await until(lambda: bench.head() != above, "the merge")
        landed = await forge.find_landed(change, base)
        assert landed == Landed(bench.head(), above, git(bench.repository.base, "rev-parse", "main^{tree}"))

    async def test_a_base_that_moved_before_it_is_not_merged_onto(self, bench: ScriptedBench, change: Proposal) -> None:
        change = await opened(bench, change)
        base = bench.head()
        bench.push({"c.txt": "theirs\n"})
        assert isinstance(await bench.forge.merge(change, base), Moved)
        assert bench.calls("pr-merge") == []

    async def test_a_commit_with_its_trailer_is_its_commit(self, bench: ScriptedBench, change: Proposal) -> None:
        """Whatever its content: that is looked at when it is verified."""
        base = bench.head()
        sha = bench.repository.push({"a.txt": "something else\n"}, "squashed\n\nMosaic-Gate: T-1.1")
        landed = await bench.forge.find_landed(change, base)
        assert landed is not None
        assert landed.sha == sha

    @pytest.mark.parametrize(
        ("files", "message"),
        [
            ({"a.txt": "mine\n"}, "squashed\n\nMosaic-Gate: T-2.1"),
            ({"a.txt": "mine\n", "c.txt": "more\n"}, "squashed"),
            ({"b.txt": "other\n"}, "T-1: work (#10)"),
            ({}, "empty"),
        ],
    )
    async def test_a_commit_that_is_not_its_own(
        self, bench: ScriptedBench, change: Proposal, files: dict[str, str | bytes | None], message: str
    ) -> None:
        """Another gate's with the same change, one with more, one with another, one with none."""
        base = bench.head()
        bench.repository.push(files, message)
        assert await bench.forge.find_landed(change, base) is None

    async def test_an_empty_commit_above_its_content_is_not_its_own(
        self, bench: ScriptedBench, change: Proposal
    ) -> None:
        """Merging would change nothing there, and so does the commit."""
        base = bench.head()
        bench.repository.push({"a.txt": "mine\n", "c.txt": "more\n"})
        bench.repository.push({}, "empty")
        assert await bench.forge.find_landed(change, base) is None

    async def test_a_number_that_nobody_knows(self, bench: ScriptedBench, change: Proposal) -> None:
        git(bench.clone.git.directory, "push", "-q", "origin", f"{change.head_sha}:refs/heads/task/t-1")
        assert failure_of(await bench.forge.merge(change, bench.head())).code == "no_pull"


class TestTheIssue:
    async def test_it_is_closed_by_script_and_read_back(self, bench: ScriptedBench, change: Proposal) -> None:
        assert not await bench.forge.issue_is_closed(change)
        assert isinstance(await bench.forge.close_issue(change, "Merged."), Sent)
        assert await bench.forge.issue_is_closed(change)
        assert (bench.calls("issue-close"), bench.calls("issue-comment")) == (["-i 7"], [])

    async def test_a_ref_that_is_no_issue(self, bench: ScriptedBench, change: Proposal) -> None:
        change = replace(change, issue="SEC-API")
        assert await bench.forge.issue_is_closed(change)
        assert isinstance(await bench.forge.close_issue(change, "Merged."), Sent)
        assert (bench.calls("issue-close"), bench.calls("issue-view")) == ([], [])

    async def test_it_is_commented_once_where_that_is_configured(self, bench: ScriptedBench, change: Proposal) -> None:
        """The evidence, and the gate's marker; however often it is closed."""
        bench.commands = replace(
            bench.commands, issue_comment=(bench.tool("issue-comment.sh"), "-i", "{issue}", "-b", "{message}")
        )
        forge = bench.restart()
        bench.tell("issue-close", "before", "exit 1")
        failure_of(await forge.close_issue(change, "Merged as abc."))
        bench.forget("issue-close", "before")
        assert isinstance(await forge.close_issue(change, "Merged as abc."), Sent)
        said = (bench.state / "comments").read_text()
        assert (said.count("Merged as abc."), said.count(change.marker)) == (1, 1)

    async def test_one_with_siblings_stays_open(self, bench: ScriptedBench, change: Proposal) -> None:
        """It is told, where comments are made at all."""
        change = replace(change, siblings=("T-2",))
        assert await bench.forge.issue_is_closed(change)
        bench.commands = replace(bench.commands, issue_comment=(bench.tool("issue-comment.sh"), "-b", "{message}"))
        forge = bench.restart()
        assert not await forge.issue_is_closed(change)
        assert isinstance(await forge.close_issue(change, "Merged."), Sent)
        assert await bench.restart().issue_is_closed(change)
        assert bench.calls("issue-close") == []

    async def test_a_script_that_closes_nothing(self, bench: ScriptedBench, change: Proposal) -> None:
        bench.tell("issue-close", "before", "exit 0")
        assert isinstance(await bench.forge.close_issue(change, "Merged."), Sent)
        assert not await bench.forge.issue_is_closed(change)
        failure = failure_of(await bench.forge.close_issue(change, "Merged."))
        assert (failure.code, failure.command) == ("issue_open", f"{bench.tool('issue-close.sh')} -i 7")

    async def test_a_view_that_fails(self, bench: ScriptedBench, change: Proposal) -> None:
        bench.tell("issue-view", "before", "echo 'no such issue'; exit 1")
        with pytest.raises(Rejected) as caught:
            await bench.forge.issue_is_closed(change)
        assert caught.value.failure.command == f"{bench.tool('issue-view.sh')} -i 7"
        assert caught.value.failure.tail == "no such issue"

    async def test_a_view_that_asks_for_later(self, bench: ScriptedBench, change: Proposal) -> None:
        """Five times in a row are enough."""
        bench.tell("issue-view", "before", "exit 75")
        for _ in range(4):
            with pytest.raises(Unavailable):
                await bench.forge.issue_is_closed(change)
        with pytest.raises(Rejected):
            await bench.forge.issue_is_closed(change)


async def test_a_repository_without_an_origin(tmp_path: Path, bench: ScriptedBench) -> None:
    """Scripts have nothing to merge on there."""
    clone = await Repository(tmp_path / "bare", origin=False).open()
    with pytest.raises(ConfigError, match="origin"):
        WrappersForge(clone, bench.commands, bench.conduct)
